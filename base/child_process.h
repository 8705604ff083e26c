// Child processes: the only file (with its .cc) that names Boost.Process.
//
// A child gets stdin, stdout, stderr and, if asked for, one more descriptor as number 3; nothing
// else, whatever the parent has open. Default signal mask and SIGPIPE. argv is passed as it is; no
// shell is ever involved. Spawn from one thread of a program only: fork and threads do not mix.
// SPEC.md "Child processes".
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::base {

struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0]: a path, or a name to look for in PATH
  int stdin_fd = -1;              // -1: /dev/null
  int stdout_fd = -1;             // -1: /dev/null
  int stderr_fd = -1;             // -1: /dev/null
  int extra_fd = -1;              // becomes descriptor 3; -1: none
  bool die_with_parent = false;   // SIGKILL when the spawning thread ends
  std::string working_directory =
      {};  // empty: ours. A relative argv[0] with a '/' is looked up there.
  std::vector<std::string> environment = {};  // "NAME=value", over ours
};

// A running child. Destroying it neither kills nor waits; the pid is then reaped by nobody but
// init.
class ChildProcess {
 public:
  ChildProcess(std::int64_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  std::int64_t pid() const { return pid_; }
  const UniqueFd& pidfd() const { return pidfd_; }  // readable when the child has ended
  // Blocks. 0..255, or 128 + signal.
  int wait();
  // The status if it has ended; never blocks.
  std::optional<int> try_wait();
  void kill();

 private:
  std::int64_t pid_;
  UniqueFd pidfd_;
  std::optional<int> status_;
};

// ENOENT names the program that is missing. Does not block beyond fork and exec.
Result<ChildProcess> spawn(const SpawnOptions& options);

struct CommandOutput {
  int status = 0;  // as ChildProcess::wait()
  std::string out;
  std::string err;
};
// Runs a command to its end and collects what it prints, each stream at most `limit` bytes (the
// rest is read and dropped). ETIMEDOUT kills it. Blocks up to `timeout`.
Result<CommandOutput> run_command(const std::vector<std::string>& argv,
                                  std::chrono::milliseconds timeout, std::size_t limit = 8U << 20);

// This very program, whatever became of its path.
inline constexpr const char* kSelfExecutable = "/proc/self/exe";

}  // namespace fairlead::base
