// The container's init process as proof of identity: a pidfd, its start time and its namespaces.
//
// As long as alive() says true, the namespaces are this container's and no other's. Everything that
// was taken out of them (sockets, pictures) counts only while it does.
// SPEC.md "Process identity". Thread rule: const calls are free. None blocks beyond procfs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/process_identity.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::target {

class InitProcess {
 public:
  // ESRCH if there is no such process.
  static base::Result<InitProcess> open(std::int64_t pid);

  bool alive() const { return base::pidfd_alive(pidfd_); }
  const base::ProcessIdentity& identity() const { return identity_; }
  const base::UniqueFd& pidfd() const { return pidfd_; }  // readable when the process has ended

  // Whether it lives in the network namespace of this program. Nothing if that cannot be seen.
  std::optional<bool> shares_our_network() const;
  // Whether one of its control groups has `mark` in its path.
  bool has_cgroup_mark(const std::string& mark) const;
  // Whether its user namespace is another one than ours, so that it has to be joined first.
  bool has_own_user_namespace() const;

 private:
  InitProcess(base::UniqueFd pidfd, base::ProcessIdentity identity)
      : pidfd_(std::move(pidfd)), identity_(std::move(identity)) {}

  base::UniqueFd pidfd_;
  base::ProcessIdentity identity_;
};

}  // namespace fairlead::target
