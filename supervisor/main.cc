// The program's entry: two hidden ones for processes of our own, then the command line.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <exception>
#include <string>

#include "supervisor/cli/console.h"
#include "supervisor/cli/options.h"
#include "supervisor/daemon/supervisor_process.h"
#include "target/socket_helper.h"

namespace {

// Whoever starts us may have closed these; then our first sockets would land there, and be written
// to as if they were a terminal.
void keep_standard_descriptors() {
  int fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= 2) fd = open("/dev/null", O_RDWR);
  if (fd > 2) close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    keep_standard_descriptors();
    const bool pipe_ignored = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
    if (argc == 2 && std::strcmp(argv[1], "__sockets") == 0) {
      return fairlead::target::run_socket_helper();
    }
    if (argc == 2 && std::strcmp(argv[1], "__supervise") == 0) {
      return fairlead::daemon::supervise_detached();
    }
    return fairlead::cli::run_command_line(argc, argv, pipe_ignored);
  } catch (const std::exception& failure) {
    fairlead::cli::warn(std::string("internal error: ") + failure.what());
    return 1;
  }
}
