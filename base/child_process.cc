#include "base/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/process/v2/process.hpp>
#include <boost/process/v2/stdio.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sstream>

#include "base/clock.h"
#include "base/net.h"
#include "base/process_identity.h"

namespace fairlead::base {
namespace {

namespace bp = boost::process::v2;

constexpr int kExtraFd = 3;

// Runs in the child between fork and exec: async-signal-safe calls only.
struct ChildSetup {
  const SpawnOptions& options;
  int null_fd;
  pid_t parent;

  boost::system::error_code on_exec_setup(bp::posix::default_launcher& launcher,
                                          const bp::filesystem::path& /*executable*/,
                                          const char* const* /*argv*/) {
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    if (options.die_with_parent) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(127);  // it died before we asked
    }
    if (!options.working_directory.empty() && chdir(options.working_directory.c_str()) != 0) {
      return failure();
    }
    // Move every source out of 0..3 first, so that placing one cannot overwrite another.
    int sources[4] = {options.stdin_fd, options.stdout_fd, options.stderr_fd, options.extra_fd};
    for (int target = 0; target < 4; ++target) {
      int& source = sources[target];
      if (source < 0) source = target == kExtraFd ? -1 : null_fd;
      if (source >= 0 && source <= kExtraFd) source = fcntl(source, F_DUPFD_CLOEXEC, 10);
      if (source < 0 && target != kExtraFd) return failure();
    }
    for (int target = 0; target < 4; ++target) {
      if (sources[target] >= 0 && dup2(sources[target], target) < 0) return failure();
    }
    const bool extra = sources[kExtraFd] >= 0;
    if (extra) launcher.fd_whitelist.push_back(kExtraFd);
    // Boost leaves gaps open; nothing but what was placed survives the exec.
    close_range(static_cast<unsigned>(extra ? kExtraFd + 1 : kExtraFd), ~0U, CLOSE_RANGE_CLOEXEC);
    return {};
  }

  static boost::system::error_code failure() { return {errno, boost::system::system_category()}; }
};

// The child's ends of the launcher's bookkeeping need an execution context, never run.
boost::asio::io_context& launcher_context() {
  static boost::asio::io_context context(1);
  return context;
}

// Boost's own search would need its filesystem library. Empty if there is no such program.
std::string find_in_path(const std::string& program) {
  if (program.find('/') != std::string::npos) return program;
  const char* path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    std::string candidate = (directory.empty() ? "." : directory) + "/" + program;
    struct stat info {};
    if (stat(candidate.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
        access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return {};
}

int decode_status(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  return 128 + (WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

std::string_view name_in(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

// Our environment with `more` over it, for exec: it lives as long as these and ours.
std::vector<const char*> environment_with(const std::vector<std::string>& more) {
  std::vector<const char*> all;
  for (const std::string& variable : more) all.push_back(variable.c_str());
  for (char** ours = environ; *ours != nullptr; ++ours) {
    const bool replaced = std::any_of(more.begin(), more.end(), [&](const std::string& variable) {
      return name_in(variable) == name_in(*ours);
    });
    if (!replaced) all.push_back(*ours);
  }
  all.push_back(nullptr);
  return all;
}

void append_bounded(std::string& text, const char* data, std::size_t size, std::size_t limit) {
  text.append(data, std::min(size, limit - std::min(limit, text.size())));
}

}  // namespace

int ChildProcess::wait() {
  while (!status_) {
    int status = 0;
    const pid_t done = waitpid(static_cast<pid_t>(pid_), &status, 0);
    if (done == pid_) status_ = decode_status(status);
    if (done < 0 && errno != EINTR) status_ = 255;
  }
  return *status_;
}

std::optional<int> ChildProcess::try_wait() {
  if (!status_) {
    int status = 0;
    const pid_t done = waitpid(static_cast<pid_t>(pid_), &status, WNOHANG);
    if (done == pid_) status_ = decode_status(status);
    if (done < 0 && errno == ECHILD) status_ = 255;
  }
  return status_;
}

void ChildProcess::kill() {
  if (!status_) (void)send_signal(pidfd_, SIGKILL);
}

Result<ChildProcess> spawn(const SpawnOptions& options) {
  if (options.argv.empty()) return errno_error(EINVAL, "start a program without a name");
  const std::string& program = options.argv.front();
  const std::string executable = find_in_path(program);
  if (executable.empty()) {
    return errno_error(ENOENT, "program \"" + program + "\" is not in PATH");
  }
  // Numbers 0 to 3 are the child's: nothing of the launcher's own may land there.
  std::vector<UniqueFd> placeholders;
  UniqueFd null_fd;
  do {
    placeholders.push_back(std::move(null_fd));
    null_fd.reset(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null_fd) return errno_error("open /dev/null");
  } while (null_fd.get() <= kExtraFd);
  const std::vector<std::string> arguments(options.argv.begin() + 1, options.argv.end());
  bp::posix::default_launcher launcher;
  const std::vector<const char*> environment = environment_with(options.environment);
  launcher.env = environment.data();
  boost::system::error_code failure;
  auto process =
      launcher(launcher_context().get_executor(), failure, bp::filesystem::path(executable),
               arguments, ChildSetup{options, null_fd.get(), getpid()});
  if (failure) {
    if (launcher.pid > 0)
      waitpid(launcher.pid, nullptr, 0);  // forked, but never became the program
    return Error{std::error_code(failure.value(), std::system_category()), "start " + program};
  }
  const std::int64_t pid = process.id();
  process.detach();
  auto pidfd = open_pidfd(pid);
  if (!pidfd) return pidfd.error();
  return ChildProcess(pid, std::move(*pidfd));
}

Result<CommandOutput> run_command(const std::vector<std::string>& argv,
                                  std::chrono::milliseconds timeout, std::size_t limit) {
  auto out = make_pipe();
  if (!out) return out.error();
  auto err = make_pipe();
  if (!err) return err.error();
  SpawnOptions options;
  options.argv = argv;
  options.stdout_fd = out->second.get();
  options.stderr_fd = err->second.get();
  auto child = spawn(options);
  if (!child) return child.error();
  out->second.reset();
  err->second.reset();

  CommandOutput result;
  const SteadyTime deadline = steady_now() + timeout;
  UniqueFd* sources[2] = {&out->first, &err->first};
  std::string* texts[2] = {&result.out, &result.err};
  while (sources[0]->valid() || sources[1]->valid()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_now()).count();
    pollfd entries[2] = {{sources[0]->get(), POLLIN, 0}, {sources[1]->get(), POLLIN, 0}};
    if (left <= 0 || poll(entries, 2, static_cast<int>(left)) == 0) {
      child->kill();
      child->wait();
      return errno_error(ETIMEDOUT, argv.front() + " " + (argv.size() > 1 ? argv[1] : ""));
    }
    for (int i = 0; i < 2; ++i) {
      if (entries[i].revents == 0) continue;
      char buffer[16384];
      const ssize_t count = read(sources[i]->get(), buffer, sizeof buffer);
      if (count > 0) {
        append_bounded(*texts[i], buffer, static_cast<std::size_t>(count), limit);
      } else if (count == 0 || errno != EINTR) {
        sources[i]->reset();
      }
    }
  }
  // It may have closed its output and live on.
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_now()).count();
  pollfd ended{child->pidfd().get(), POLLIN, 0};
  const bool in_time = poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) > 0;
  if (!in_time) child->kill();
  result.status = child->wait();
  if (!in_time) return errno_error(ETIMEDOUT, argv.front());
  return result;
}

}  // namespace fairlead::base
