#include "supervisor/doctor/permissions.h"

#include <linux/capability.h>

#include <cerrno>
#include <system_error>

namespace fairlead::doctor {
namespace {

constexpr const char* kPermissionsGroup = "permissions";
// Two per connection, and some hundreds for sockets kept ahead.
constexpr std::uint64_t kFewDescriptors = 4096;
constexpr std::uint64_t kTooFewDescriptors = 512;

Finding capability(const PermissionFacts& facts, const char* name, int number,
                   const std::string& good_for, const std::string& without, bool worth_a_fix) {
  if (facts.has(number)) {
    return {kPermissionsGroup, name, Status::kOk,
            "held" + std::string(facts.in_user_namespace ? " (in a user namespace)" : "") + ": " +
                good_for,
            ""};
  }
  return {kPermissionsGroup, name, Status::kMissing, without,
          worth_a_fix ? "sudo fairlead forward CONTAINER" : ""};
}

Finding activity(const PermissionFacts& facts) {
  Finding finding{kPermissionsGroup, "activity-monitor", Status::kOk,
                  "new listeners are noticed by events; an idle container costs nothing", ""};
  const std::string paranoid =
      facts.perf_event_paranoid
          ? " (kernel.perf_event_paranoid is " + std::to_string(*facts.perf_event_paranoid) + ")"
          : "";
  if (facts.perf_error == 0) return finding;
  finding.status = Status::kMissing;
  finding.words = "containers are looked at every 40 ms instead of upon events: ";
  switch (facts.perf_error) {
    case EACCES:
    case EPERM:
      finding.words += "watching a control group needs CAP_PERFMON" + paranoid;
      finding.fix = "sudo fairlead forward CONTAINER";
      break;
    case ENOENT:
      finding.words += "no cgroup v2 is mounted";
      break;
    default:
      finding.words += std::generic_category().message(facts.perf_error);
  }
  return finding;
}

Finding hidden_processes(const PermissionFacts& facts) {
  if (facts.hidepid.empty()) {
    return {kPermissionsGroup, "hidepid", Status::kOk, "/proc shows every process", ""};
  }
  const std::string words = "/proc is mounted with hidepid=" + facts.hidepid;
  if (facts.user == 0)
    return {kPermissionsGroup, "hidepid", Status::kOk, words + ", which root passes", ""};
  return {kPermissionsGroup, "hidepid", Status::kMissing,
          words + ": containers of others can be watched and reached by exec only",
          "sudo mount -o remount,hidepid=0 /proc"};
}

Finding descriptors(const PermissionFacts& facts) {
  Finding finding{kPermissionsGroup, "descriptors", Status::kOk,
                  std::to_string(facts.descriptors) +
                      " at most (RLIMIT_NOFILE), two for each "
                      "connection",
                  ""};
  if (facts.descriptors >= kFewDescriptors) return finding;
  finding.status = facts.descriptors < kTooFewDescriptors ? Status::kBroken : Status::kMissing;
  finding.words += "; few for many connections";
  finding.fix = "sudo prlimit --pid $$ --nofile=65536";
  return finding;
}

}  // namespace

Findings judge_permissions(const PermissionFacts& facts) {
  Findings findings;
  findings.push_back({kPermissionsGroup, "user", Status::kOk,
                      "uid " + std::to_string(facts.user) +
                          (facts.user_name.empty() ? "" : " (" + facts.user_name + ")") +
                          (facts.in_user_namespace ? ", in a user namespace" : ""),
                      ""});
  findings.push_back(capability(facts, "CAP_SYS_ADMIN", CAP_SYS_ADMIN,
                                "containers' networks can be joined",
                                "not held: the network of a root engine's container cannot be "
                                "joined; relays agent, direct and exec are left",
                                true));
  findings.push_back(activity(facts));
  findings.push_back(capability(facts, "CAP_NET_ADMIN", CAP_NET_ADMIN, "relay nat needs it",
                                "not held; only relay nat would need it", false));
  findings.push_back(capability(facts, "CAP_BPF", CAP_BPF, "relay nat needs it",
                                "not held; only relay nat would need it", false));
  findings.push_back(hidden_processes(facts));
  findings.push_back(descriptors(facts));
  return findings;
}

}  // namespace fairlead::doctor
