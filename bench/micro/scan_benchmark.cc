// One scan for listeners while 0, 1,000 or 20,000 connections exist in the namespace: a goal says
// that it stays flat. Needs root: each case has a network namespace of its own, without what the
// one before has left behind in TIME_WAIT.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/net.h"
#include "detect/diag_source.h"
#include "detect/procfs_source.h"

namespace fairlead::detect {
namespace {

using base::UniqueFd;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

void enter_own_namespace() {
  if (unshare(CLONE_NEWNET) != 0) fail("scan_benchmark: unshare (root is needed)");
  const UniqueFd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP;
  if (ioctl(control.get(), SIOCSIFFLAGS, &loopback) != 0) fail("scan_benchmark: lo");
}

// Ten listeners, and as many connections as asked for. The server's ends stay in the backlogs; the
// clients' are held by child processes, since one process may not have that many descriptors.
class Crowd {
 public:
  explicit Crowd(std::size_t connections) {
    enter_own_namespace();
    std::vector<base::SocketAddress> targets;
    for (int i = 0; i < 10; ++i) {
      auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 4096);
      if (!listener) fail("scan_benchmark: listen");
      targets.push_back(base::to_socket_address(*base::local_endpoint(*listener)));
      listeners_.push_back(std::move(*listener));
    }
    while (connections > 0) {
      const std::size_t share = std::min<std::size_t>(connections, 500);
      holders_.push_back(start_holder(targets, share));
      connections -= share;
    }
  }
  ~Crowd() {
    for (const pid_t holder : holders_) {
      kill(holder, SIGKILL);
      waitpid(holder, nullptr, 0);
    }
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

 private:
  // Returns when the child has made all its connections.
  static pid_t start_holder(const std::vector<base::SocketAddress>& targets, std::size_t count) {
    auto ready = base::make_pipe();
    if (!ready) fail("scan_benchmark: pipe");
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) fail("scan_benchmark: fork");
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      for (std::size_t i = 0; i < count; ++i) {
        const base::SocketAddress& target = targets[i % targets.size()];
        const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(client, target.get(), target.length) != 0) _exit(1);
      }
      if (write(ready->second.get(), "r", 1) != 1) _exit(1);
      for (;;) pause();
    }
    ready->second.reset();
    pollfd wait{ready->first.get(), POLLIN, 0};
    char byte = 0;
    if (poll(&wait, 1, 30000) != 1 || read(wait.fd, &byte, 1) != 1) {
      fail("scan_benchmark: a child could not connect");
    }
    return child;
  }

  std::vector<UniqueFd> listeners_;
  std::vector<pid_t> holders_;
};

void scan(benchmark::State& state, ListenerSource& source) {
  for (auto _ : state) {
    const auto picture = source.scan();
    if (!picture || picture->listeners.size() != 10) {
      state.SkipWithError("the picture is not the ten listeners");
      return;
    }
  }
}

void scan_sock_diag(benchmark::State& state) {
  const Crowd crowd(static_cast<std::size_t>(state.range(0)));
  const auto init = target::InitProcess::open(getpid());
  UniqueFd queries(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
  auto source = DiagSource::create(*init, std::move(queries), UniqueFd());
  if (!source) return state.SkipWithError(source.error().message().c_str());
  scan(state, **source);
}
BENCHMARK(scan_sock_diag)->Arg(0)->Arg(1000)->Arg(20000)->Unit(benchmark::kMicrosecond);

void scan_procfs(benchmark::State& state) {
  const Crowd crowd(static_cast<std::size_t>(state.range(0)));
  const auto init = target::InitProcess::open(getpid());
  auto source = ProcfsSource::open(*init);
  if (!source) return state.SkipWithError(source.error().message().c_str());
  scan(state, **source);
}
BENCHMARK(scan_procfs)->Arg(0)->Arg(1000)->Arg(20000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace fairlead::detect

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
