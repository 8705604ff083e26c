#include "supervisor/doctor/kernel.h"

#include <system_error>

namespace fairlead::doctor {
namespace {

constexpr const char* kKernelGroup = "kernel";
constexpr std::int64_t kUsefulPipe = 256 << 10;  // relay/pipe_pool.h: smaller ones are not spliced

std::string words_of(int error_number) { return std::generic_category().message(error_number); }

// Something that is either there or costs what `without` says.
Finding feature(const char* name, const std::string& trouble, Status otherwise,
                const std::string& with, const std::string& without) {
  if (trouble.empty()) return {kKernelGroup, name, Status::kOk, with, ""};
  return {kKernelGroup, name, otherwise, without + " (" + trouble + ")", ""};
}

std::string trouble_of(int error_number) { return error_number == 0 ? "" : words_of(error_number); }

Finding pipes(const KernelFacts& facts) {
  Finding finding{kKernelGroup, "pipes", Status::kOk,
                  std::to_string(facts.pipe_bytes >> 10) + " KiB per pipe: bulk flows are spliced",
                  ""};
  if (facts.pipe_bytes >= kUsefulPipe) return finding;
  finding.status = Status::kMissing;
  finding.words = "only " + std::to_string(facts.pipe_bytes >> 10) +
                  " KiB per pipe: bulk flows are copied instead of spliced";
  if (facts.pipe_pages_soft) {
    finding.words += " (fs.pipe-user-pages-soft is " + std::to_string(*facts.pipe_pages_soft) + ")";
    finding.fix = "sudo sysctl -w fs.pipe-user-pages-soft=16384";
  }
  return finding;
}

}  // namespace

Findings judge_kernel(const KernelFacts& facts) {
  return {
      {kKernelGroup, "version", Status::kOk, facts.release, ""},
      feature(
          "pidfd", trouble_of(facts.pidfd_error), Status::kBroken, "processes can be held by pidfd",
          "no pidfd_open: neither supervisors nor containers can be told apart safely; Linux 5.8 "
          "or later is needed"),
      feature("netns-cookie", trouble_of(facts.cookie_error), Status::kMissing,
              "networks can be told apart (SO_NETNS_COOKIE)",
              "no SO_NETNS_COOKIE: networks that containers share are not noticed; Linux 5.14 has "
              "it"),
      feature("sock-diag", facts.diag_trouble, Status::kMissing, "listeners are asked for directly",
              "listeners are read from /proc/PID/net/tcp instead of asked for"),
      feature("destroy-events", facts.events_trouble, Status::kMissing,
              "closed listeners are told by the kernel",
              "closed listeners are noticed at the next look"),
      feature("cgroup-v2", facts.cgroup_mount.empty() ? "not mounted" : "", Status::kMissing,
              "mounted at " + facts.cgroup_mount,
              "no cgroup v2: no activity monitor, containers are looked at every 40 ms"),
      pipes(facts),
      feature("ipv6-loopback", trouble_of(facts.v6_loopback_error), Status::kMissing,
              "[::1] can be bound", "[::1] cannot be bound: ports are forwarded on 127.0.0.1 only"),
  };
}

}  // namespace fairlead::doctor
