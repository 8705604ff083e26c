// A command in user and network namespaces of its own, started in two steps: first the namespaces,
// with a child that waits in them under the pid that the command will have; then the command.
//
//   fork ─▶ user namespace ─▶ ids mapped by us ─▶ network namespace, lo up ─▶ waits ─▶ exec
//
// The user stays who they are: ids map to themselves, so a command of an ordinary user has no
// capabilities, not even in its own namespaces. SPEC.md "run".
// Thread rule: one thread, and no other in the program when prepare() forks. Calls block for as
// long as the kernel takes.
#pragma once

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "base/process_identity.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::engine {

// What the command gets back: how its caller had set things before we changed them.
struct CallerSignals {
  sigset_t mask;
  bool pipe_ignored = false;
  bool child_ignored = false;
};

class NativeProcess {
 public:
  // The child waits in its namespaces. An error names the setting that forbids them.
  static base::Result<NativeProcess> prepare(std::vector<std::string> argv,
                                             const CallerSignals& signals);
  NativeProcess(NativeProcess&& other) noexcept;
  NativeProcess& operator=(NativeProcess&&) = delete;
  // Kills and reaps the child, unless set_reaped() was called.
  ~NativeProcess();

  // Lets the command begin. ENOENT: there is no such program; other errors: it cannot be executed.
  base::Result<void> start();

  const base::ProcessIdentity& identity() const { return identity_; }
  const base::UniqueFd& pidfd() const { return pidfd_; }
  // Somebody else has waited for the child.
  void set_reaped() { reaped_ = true; }

 private:
  NativeProcess(std::int64_t pid, base::UniqueFd channel) : channel_(std::move(channel)) {
    identity_.pid = pid;
  }
  base::Result<void> set_up();

  base::ProcessIdentity identity_;
  base::UniqueFd channel_;
  base::UniqueFd pidfd_;
  std::string program_;
  bool reaped_ = false;
};

}  // namespace fairlead::engine
