#include "supervisor/engine/native_process.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "base/text_file.h"
#include "supervisor/engine/native_refusal.h"

namespace fairlead::engine {
namespace {

using base::UniqueFd;

constexpr int kCannotRun = 127;
constexpr std::size_t kMapLimit = 64U << 10;

// From the child: a step that was refused, or, with error_number 0, that it is done.
struct Report {
  NativeStep step = NativeStep::kUserNamespace;
  int error_number = 0;
};

bool send_report(int channel, NativeStep step, int error_number) {
  const Report report{step, error_number};
  return send(channel, &report, sizeof report, MSG_NOSIGNAL) == sizeof report;
}

// False when the other end has gone.
template <class Message>
bool receive(int channel, Message& message) {
  ssize_t count = 0;
  do {
    count = recv(channel, &message, sizeof message, MSG_WAITALL);
  } while (count < 0 && errno == EINTR);
  return count == static_cast<ssize_t>(sizeof message);
}

base::Error refusal(NativeStep step, int error_number) {
  return base::plain_error(explain_refusal(step, error_number, read_namespace_settings()));
}

// --- in the child: after fork, before exec; no other thread exists, so everything is allowed ---

int bring_up_loopback() {
  const UniqueFd probe(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe) return errno;
  ifreq loopback{};
  loopback.ifr_name[0] = 'l';
  loopback.ifr_name[1] = 'o';
  loopback.ifr_flags = IFF_UP;
  return ioctl(probe.get(), SIOCSIFFLAGS, &loopback) == 0 ? 0 : errno;
}

// Ports below 1024 are the command's own affair in there. Not worth failing for.
void open_low_ports() {
  const UniqueFd file(open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_WRONLY | O_CLOEXEC));
  if (file) (void)!write(file.get(), "0", 1);
}

void restore(const CallerSignals& signals) {
  signal(SIGPIPE, signals.pipe_ignored ? SIG_IGN : SIG_DFL);
  signal(SIGCHLD, signals.child_ignored ? SIG_IGN : SIG_DFL);
  sigprocmask(SIG_SETMASK, &signals.mask, nullptr);
}

[[noreturn]] void become(const std::vector<char*>& argv, const CallerSignals& signals, int channel,
                         pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kCannotRun);  // it died before we asked
  const auto report = [channel](NativeStep step, int error_number) {
    if (!send_report(channel, step, error_number) || error_number != 0) _exit(kCannotRun);
  };
  const auto wait_for_leave = [channel] {
    char leave = 0;
    if (!receive(channel, leave)) _exit(kCannotRun);
  };
  // One after the other, so that the errno says which of the two is refused.
  report(NativeStep::kUserNamespace, unshare(CLONE_NEWUSER) == 0 ? 0 : errno);
  wait_for_leave();
  report(NativeStep::kNetworkNamespace, unshare(CLONE_NEWNET) == 0 ? 0 : errno);
  report(NativeStep::kLoopback, bring_up_loopback());
  open_low_ports();
  wait_for_leave();
  restore(signals);
  execvp(argv[0], argv.data());
  send_report(channel, NativeStep::kLoopback, errno);
  _exit(kCannotRun);
}

// --- in the parent ---

int write_file(const std::string& path, const std::string& text) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return errno;
  // A map is taken in one write or not at all.
  return write(file.get(), text.data(), text.size()) < 0 ? errno : 0;
}

// Every id that exists where we are, as itself.
std::string whole_map(const std::string& own_map) {
  std::string map;
  std::istringstream lines(own_map);
  for (std::string inside, outside, count; lines >> inside >> outside >> count;) {
    map.append(inside).append(" ").append(inside).append(" ").append(count).append("\n");
  }
  return map;
}

// Root maps every id, so that its command can be anybody; others may map themselves only.
int write_map(const std::string& process, const char* file, std::uint32_t own_id) {
  if (geteuid() == 0) {
    const auto own_map = base::read_text_file(std::string("/proc/self/") + file, kMapLimit);
    if (own_map && write_file(process + file, whole_map(*own_map)) == 0) return 0;
  }
  const std::string id = std::to_string(own_id);
  return write_file(process + file, id + " " + id + " 1\n");
}

// execvp says EACCES as soon as one directory of PATH cannot be searched, also for what is nowhere.
bool is_nowhere(const std::string& program) {
  if (program.find('/') != std::string::npos) return false;
  const char* path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "/bin:/usr/bin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::string candidate = (directory.empty() ? "." : directory) + "/" + program;
    if (access(candidate.c_str(), F_OK) == 0) return false;
  }
  return true;
}

// 0 or an errno.
int map_ids(std::int64_t pid) {
  const std::string process = "/proc/" + std::to_string(pid) + "/";
  if (const int failure = write_map(process, "uid_map", geteuid())) return failure;
  // The kernel's condition for mapping a group without being root. Root keeps setgroups, unless it
  // lacks the privilege.
  if (geteuid() == 0 && write_map(process, "gid_map", getegid()) == 0) return 0;
  (void)write_file(process + "setgroups", "deny");
  return write_map(process, "gid_map", getegid());
}

}  // namespace

base::Result<NativeProcess> NativeProcess::prepare(std::vector<std::string> argv,
                                                   const CallerSignals& signals) {
  if (argv.empty()) return base::errno_error(EINVAL, "run a program without a name");
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return base::errno_error("socketpair");
  }
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (std::string& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return base::errno_error("fork");
  if (pid == 0) {
    ours.reset();  // or our end would never show it as closed
    become(words, signals, theirs.get(), parent);
  }
  NativeProcess process(pid, std::move(ours));
  theirs.reset();
  process.program_ = argv.front();
  if (auto ready = process.set_up(); !ready) return ready.error();
  return process;
}

base::Result<void> NativeProcess::set_up() {
  auto pidfd = base::open_pidfd(identity_.pid);
  if (!pidfd) return pidfd.error();
  pidfd_ = std::move(*pidfd);
  auto identity = base::identify_process(identity_.pid);
  if (!identity) return identity.error();
  identity_ = std::move(*identity);
  constexpr int kSteps = 3;
  for (int step = 0; step < kSteps; ++step) {
    Report report;
    if (!receive(channel_.get(), report)) {
      return base::plain_error("the process in the new namespaces was killed");
    }
    if (report.error_number != 0) return refusal(report.step, report.error_number);
    if (report.step != NativeStep::kUserNamespace) continue;
    if (const int failure = map_ids(identity_.pid)) {
      return refusal(NativeStep::kIdentityMap, failure);
    }
    (void)send(channel_.get(), "", 1, MSG_NOSIGNAL);
  }
  return {};
}

base::Result<void> NativeProcess::start() {
  (void)send(channel_.get(), "", 1, MSG_NOSIGNAL);
  Report report;
  if (receive(channel_.get(), report)) {
    const bool nowhere = report.error_number == EACCES && is_nowhere(program_);
    return base::errno_error(nowhere ? ENOENT : report.error_number,
                             "cannot run \"" + program_ + "\"");
  }
  channel_.reset();
  return {};
}

NativeProcess::NativeProcess(NativeProcess&& other) noexcept
    : identity_(std::move(other.identity_)),
      channel_(std::move(other.channel_)),
      pidfd_(std::move(other.pidfd_)),
      program_(std::move(other.program_)),
      reaped_(std::exchange(other.reaped_, true)) {}

NativeProcess::~NativeProcess() {
  if (reaped_) return;
  // Not waited for yet, so the number is still this child's.
  const auto pid = static_cast<pid_t>(identity_.pid);
  kill(pid, SIGKILL);
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace fairlead::engine
