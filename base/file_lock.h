// Advisory exclusive locks between processes (flock), taken with a deadline.
//
// The lock belongs to the open file description: it goes when the FileLock is destroyed or the
// process dies, whichever comes first. Descriptors are close-on-exec, so no child keeps it.
// SPEC.md "State on disk". Thread rule: a value. Blocks up to the deadline, by polling.
#pragma once

#include <chrono>
#include <string>

#include "base/private_directory.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::base {

class FileLock {
 public:
  // Takes the lock on the file `name` in `directory`, creating it. ETIMEDOUT with a message that
  // names the holder's pid where the kernel tells.
  static Result<FileLock> acquire(const PrivateDirectory& directory, const std::string& name,
                                  std::chrono::milliseconds patience);
  // Locks something that is open already, a directory for instance.
  static Result<FileLock> acquire(UniqueFd fd, const std::string& name,
                                  std::chrono::milliseconds patience);

  // Removes the file while the lock is held, so that nothing stays behind.
  void remove_file(const PrivateDirectory& directory, const std::string& name);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// Pid of whoever holds an exclusive flock on this file, 0 if unknown. Reads /proc/locks; a hint for
// messages, since some file systems show another device there.
std::int64_t lock_holder(const UniqueFd& fd);
// Whether the process has this very file open, by its descriptors in /proc.
bool has_open(std::int64_t pid, const UniqueFd& fd);

}  // namespace fairlead::base
