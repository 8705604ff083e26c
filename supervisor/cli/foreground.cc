#include "supervisor/cli/foreground.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/process_list.h"

namespace fairlead::cli {
namespace {

constexpr auto kOrphanPatience = std::chrono::seconds(2);
constexpr int kContinueMs = 50;

constexpr int kPassedOn[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

bool is_ignored(int signal_number) {
  struct sigaction action {};
  return sigaction(signal_number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

int decode(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

Foreground::Foreground(bool pipe_ignored) {
  caller_.pipe_ignored = pipe_ignored;
  caller_.child_ignored = is_ignored(SIGCHLD);
  signal(SIGCHLD, SIG_DFL);  // or there would be no status to wait for
  sigset_t heard;
  sigemptyset(&heard);
  for (const int number : kPassedOn) sigaddset(&heard, number);
  sigaddset(&heard, SIGCHLD);
  sigset_t blocked = heard;
  // Our lines are to reach the terminal while the command has made itself its foreground group.
  sigaddset(&blocked, SIGTTOU);
  sigprocmask(SIG_BLOCK, &blocked, &caller_.mask);
  signals_.reset(signalfd(-1, &heard, SFD_CLOEXEC | SFD_NONBLOCK));
}

void Foreground::adopt_orphans() { prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

int Foreground::wait(engine::NativeProcess& command, const Watch& watch) {
  const auto pid = static_cast<pid_t>(command.identity().pid);
  std::optional<int> result;
  while (!result) {
    pollfd entries[2] = {{signals_.get(), POLLIN, 0}, {watch.descriptor(), POLLIN, 0}};
    if (poll(entries, 2, -1) < 0) continue;
    if (entries[0].revents != 0) pass_on(command);
    int status = 0;
    // Orphans are reaped on the way.
    for (pid_t child = 0; (child = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
      if (WIFSTOPPED(status)) {
        if (child == pid) stop_with(command);
      } else if (child == pid) {
        command.set_reaped();
        result = decode(status);
      }
    }
    if (!result && entries[1].revents != 0) watch.on_readable();
  }
  return *result;
}

void Foreground::pass_on(const engine::NativeProcess& command) {
  const auto pid = static_cast<pid_t>(command.identity().pid);
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const auto number = static_cast<int>(info.ssi_signo);
    if (number == SIGCHLD) continue;
    // The terminal's keys went to the whole group, the command included; so did a hang-up, unless
    // it was meant for the session's leader alone.
    const bool by_terminal = info.ssi_code > 0;
    const bool ours_alone = getsid(0) == getpid() || getpgid(pid) != getpgrp();
    if (by_terminal && (number != SIGHUP || !ours_alone)) continue;
    // A command that signals its group has had its signal.
    if (!by_terminal && static_cast<pid_t>(info.ssi_pid) == pid) continue;
    (void)base::send_signal(command.pidfd(), number);
  }
}

// The command has stopped all by itself (a shell's `suspend`, say). At a terminal whose foreground
// we are, the shell that started us has to see us stop, too. Without job control around us this
// does nothing: the kernel does not stop an orphaned group.
void Foreground::stop_with(const engine::NativeProcess& command) {
  if (tcgetpgrp(STDIN_FILENO) != getpgrp()) return;
  // After Ctrl-Z and `fg` both of us go on, and we may be a moment ahead: that is no stop.
  poll(nullptr, 0, kContinueMs);
  siginfo_t info{};
  const auto id = static_cast<id_t>(command.identity().pid);
  constexpr int kMoved = WCONTINUED | WEXITED | WNOHANG | WNOWAIT;
  if (waitid(P_PID, id, &info, kMoved) != 0 || info.si_pid != 0) return;
  raise(SIGTSTP);
  (void)base::send_signal(command.pidfd(), SIGCONT);
}

void Foreground::end_orphans() {
  const auto deadline = base::steady_now() + kOrphanPatience;
  base::Backoff backoff(std::chrono::milliseconds(1), std::chrono::milliseconds(20));
  while (base::steady_now() < deadline) {
    pid_t child = 0;
    while ((child = waitpid(-1, nullptr, WNOHANG)) > 0) {
    }
    if (child < 0) return;  // there is none left
    // Not waited for yet: the numbers are still our children's.
    for (const std::int64_t orphan : base::children_of(getpid())) {
      kill(static_cast<pid_t>(orphan), SIGKILL);
    }
    poll(nullptr, 0, static_cast<int>(backoff.next().count()));
  }
}

}  // namespace fairlead::cli
