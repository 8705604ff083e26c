// Standing in front of a command that shares our terminal, session and process group.
//
// From construction on no signal is lost: those that a process sends us are passed on to the
// command, those of the terminal the command gets from the kernel as we do, and they are ours to
// ignore. Ctrl-Z stops both of us together, by default. What the command leaves running ends with
// it. SPEC.md "run". Thread rule: the program's only thread.
#pragma once

#include <functional>

#include "base/unique_fd.h"
#include "supervisor/engine/native_process.h"

namespace fairlead::cli {

class Foreground {
 public:
  // `pipe_ignored`: whether the caller had SIGPIPE ignored.
  explicit Foreground(bool pipe_ignored);

  const engine::CallerSignals& caller() const { return caller_; }

  // Orphans of the command become our children from now on. What we have started before stays
  // apart.
  void adopt_orphans();

  struct Watch {
    std::function<int()> descriptor;  // -1: nothing to wait for (any more)
    std::function<void()> on_readable;
  };
  // Blocks until the command has ended; its status, or 128 + signal.
  int wait(engine::NativeProcess& command, const Watch& watch);

  // Kills what the command has left, descendants of descendants included. Blocks 2 s at most.
  void end_orphans();

 private:
  void pass_on(const engine::NativeProcess& command);
  static void stop_with(const engine::NativeProcess& command);

  engine::CallerSignals caller_;
  base::UniqueFd signals_;
};

}  // namespace fairlead::cli
