#include "tests/support/exec_entry.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "base/process_identity.h"
#include "base/process_list.h"
#include "base/unique_fd.h"

namespace fairlead::testing {
namespace {

using base::UniqueFd;

constexpr int kFailure = 126;
constexpr int kWords = 4;  // PROGRAM __exec PID DIRECTORY

// Whether two paths of procfs name the same namespace; neither exists: no.
bool same_namespace(const std::string& one, const std::string& other) {
  struct stat left {};
  struct stat right {};
  return stat(one.c_str(), &left) == 0 && stat(other.c_str(), &right) == 0 &&
         left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

std::string namespace_of(const std::string& pid, const char* kind) {
  return "/proc/" + pid + "/ns/" + kind;
}

[[noreturn]] void become(const std::string& pid, const char* directory, char** command) {
  setsid();
  const UniqueFd network(open(namespace_of(pid, "net").c_str(), O_RDONLY | O_CLOEXEC));
  const bool same_user = same_namespace(namespace_of(pid, "user"), namespace_of("self", "user"));
  const UniqueFd user(open(namespace_of(pid, "user").c_str(), O_RDONLY | O_CLOEXEC));
  if (!same_user && setns(user.get(), CLONE_NEWUSER) != 0) _exit(kFailure);
  if (setns(network.get(), CLONE_NEWNET) != 0) _exit(kFailure);
  setenv("PATH", directory, 1);
  execvp(command[0], command);
  _exit(errno == ENOENT ? kFailure + 1 : kFailure);
}

// False when the sink no longer takes anything.
bool write_whole(int sink, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t count = write(sink, data, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    data += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

// False at the end of either.
bool pass_on(int source, int sink) {
  char buffer[32768];
  ssize_t count = 0;
  do {
    count = read(source, buffer, sizeof buffer);
  } while (count < 0 && errno == EINTR);
  return count > 0 && write_whole(sink, buffer, static_cast<std::size_t>(count));
}

}  // namespace

std::vector<std::string> exec_prefix(std::int64_t pid, const std::string& directory) {
  return {"/proc/self/exe", kExecWord, std::to_string(pid), directory};
}

int run_exec_entry(int argc, char** argv) {
  if (argc <= kWords) return kFailure;
  int input[2];
  int output[2];
  if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0) return kFailure;
  UniqueFd to_command(input[1]);
  UniqueFd from_command(output[0]);
  const pid_t child = fork();
  if (child < 0) return kFailure;
  if (child == 0) {
    dup2(input[0], STDIN_FILENO);
    dup2(output[1], STDOUT_FILENO);
    become(argv[2], argv[3], argv + kWords);
  }
  close(input[0]);
  close(output[1]);
  signal(SIGPIPE, SIG_IGN);
  std::thread([sink = std::move(to_command)] {
    while (pass_on(STDIN_FILENO, sink.get())) {
    }
  }).detach();
  const auto pidfd = base::open_pidfd(child);
  if (!pidfd) return kFailure;
  // What the command has written comes out even when others go on holding its stdout.
  pollfd entries[2] = {{from_command.get(), POLLIN, 0}, {pidfd->get(), POLLIN, 0}};
  bool open = true;
  while (open) {
    if (poll(entries, 2, -1) < 0) continue;
    if (entries[0].revents != 0) {
      open = pass_on(from_command.get(), STDOUT_FILENO);
    } else if (entries[1].revents != 0) {
      break;
    }
  }
  from_command.reset();  // or a command that goes on writing would never end
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

void kill_guests_of(std::int64_t pid) {
  const std::string network = namespace_of(std::to_string(pid), "net");
  for (const std::int64_t other : base::all_processes()) {
    if (other != pid && same_namespace(network, namespace_of(std::to_string(other), "net"))) {
      kill(static_cast<pid_t>(other), SIGKILL);
    }
  }
}

}  // namespace fairlead::testing
