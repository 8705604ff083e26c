// The agent: what fairlead starts in a container, by its engine's exec, where it may not join the
// container's network namespace itself.
//
//   fairlead-agent SOCKET          makes sockets for the supervisor (socket_server.h)
//   fairlead-agent --mux NONCE     carries streams over its stdin and stdout (mux_server.h)
//   fairlead-agent --mux-once NONCE    the same, and takes its own file away first
//
// It is one static program, needs nothing of the container's image, has one thread, keeps nothing
// and ends when the supervisor does: what connects them is closed then. SPEC.md "Agent".
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <string>

#include "agent/mux_server.h"
#include "agent/socket_server.h"

namespace {

using namespace fairlead;

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// It was put here for this one start.
void remove_own_file() {
  char path[4096] = {};
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length > 0) unlink(path);
}

int complain(const std::string& why, int status) {
  const std::string line = "fairlead-agent: " + why + "\n";
  return write(STDERR_FILENO, line.data(), line.size()) < 0 ? status : status;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_NAME, "fairlead-agent", 0, 0, 0);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  raise_descriptor_limit();
  if (argc == 2) {
    const int failure = agent::serve_sockets(argv[1]);
    return failure == 0 ? 0 : complain(std::strerror(failure), 1);
  }
  const std::string mode = argc == 3 ? argv[1] : "";
  if (mode != "--mux" && mode != "--mux-once") {
    return complain("usage: fairlead-agent SOCKET | --mux NONCE", 2);
  }
  if (mode == "--mux-once") remove_own_file();
  const std::string why = agent::serve_mux(argv[2]);
  return why.empty() ? 0 : complain(why, 1);
}
