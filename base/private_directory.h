// A directory that only we can read, and files in it reached without following any symlink.
//
// Everything is done relative to an open directory descriptor, so nobody can swap a path component
// between check and use. Mode 0700, owner = effective user; anything else is refused.
// SPEC.md "State on disk". Thread rule: const after creation, free. Calls block on the disk.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::base {

class PrivateDirectory {
 public:
  // Creates missing parents (0700 too) and the directory. Refused: a symlink as the last component,
  // a foreign owner, a directory that is open to others and holds things already (an empty one is
  // made private).
  static Result<PrivateDirectory> create(const std::string& path);
  // As create(), but ENOENT if it is not there.
  static Result<PrivateDirectory> open(const std::string& path);
  Result<PrivateDirectory> create_child(const std::string& name) const;
  Result<PrivateDirectory> open_child(const std::string& name) const;

  // `flags` as for open(2); O_CLOEXEC, O_NOFOLLOW and mode 0600 are added. Regular files of ours
  // only.
  Result<UniqueFd> open_file(const std::string& name, int flags) const;
  Result<std::string> read_file(const std::string& name, std::size_t limit) const;
  // Temp file, fsync, rename: readers see the old content or the new, whatever dies in between.
  Result<void> write_file_atomically(const std::string& name, std::string_view content) const;
  // True if it was there.
  bool remove(const std::string& name) const;
  Result<void> rename(const std::string& from, const std::string& to) const;
  std::vector<std::string> list() const;

  const std::string& path() const { return path_; }
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }
  int fd() const { return fd_.get(); }

 private:
  PrivateDirectory(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  static Result<PrivateDirectory> open_at(int parent, const std::string& name, std::string path);

  UniqueFd fd_;
  std::string path_;
};

}  // namespace fairlead::base
