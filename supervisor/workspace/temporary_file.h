// A file for another program to read once: 0600 in a directory of its own, 0700, and both gone with
// the object. SPEC.md "Compose". Thread rule: a value, used by one thread at a time.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead::workspace {

class TemporaryFile {
 public:
  // Below $TMPDIR, /tmp or /var/tmp: the first that can be used and does not lie in `avoided`.
  static base::Result<TemporaryFile> create(const std::string& name, std::string_view content,
                                            const std::string& avoided);

  TemporaryFile(TemporaryFile&& other) noexcept;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile();

  std::string path() const { return directory_ + "/" + name_; }

 private:
  TemporaryFile(std::string directory, std::string name)
      : directory_(std::move(directory)), name_(std::move(name)) {}

  std::string directory_;  // empty: moved away
  std::string name_;
};

}  // namespace fairlead::workspace
