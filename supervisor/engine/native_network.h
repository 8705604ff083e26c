// The network namespace of a run, held so that its members can be told and ended for good.
//
// While the descriptor is open the namespace exists and its number is nobody else's: whoever is in
// a namespace of that number is in this one. SPEC.md "run". Thread rule: a value. Reads procfs.
#pragma once

#include <sys/types.h>

#include <cstddef>

#include "base/process_identity.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::engine {

class NativeNetwork {
 public:
  // Of exactly this process. ESRCH if it is gone; EPERM if its network is our own.
  static base::Result<NativeNetwork> open(const base::ProcessIdentity& process);

  // SIGKILL to every process that is in there now; how many that were. Those that have ended
  // already, but are not waited for yet, do not count.
  std::size_t kill_members() const;

 private:
  NativeNetwork(base::UniqueFd fd, dev_t device, ino_t number)
      : fd_(std::move(fd)), device_(device), number_(number) {}
  bool has_member(std::int64_t pid) const;

  base::UniqueFd fd_;
  dev_t device_;
  ino_t number_;
};

}  // namespace fairlead::engine
