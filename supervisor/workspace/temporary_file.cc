#include "supervisor/workspace/temporary_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/text_file.h"
#include "base/unique_fd.h"

namespace fairlead::workspace {
namespace {

namespace fs = std::filesystem;

bool lies_in(const fs::path& path, const fs::path& folder) {
  std::error_code failure;
  const fs::path real = fs::weakly_canonical(path, failure);
  const fs::path real_folder = fs::weakly_canonical(folder, failure);
  if (failure || real_folder.empty()) return false;
  const fs::path below = real.lexically_relative(real_folder);
  return !below.empty() && *below.begin() != "..";
}

std::vector<std::string> places() {
  std::vector<std::string> result;
  const char* chosen = std::getenv("TMPDIR");
  if (chosen != nullptr && chosen[0] == '/') result.emplace_back(chosen);
  result.insert(result.end(), {"/tmp", "/var/tmp"});
  return result;
}

}  // namespace

base::Result<TemporaryFile> TemporaryFile::create(const std::string& name,
                                                  std::string_view content,
                                                  const std::string& avoided) {
  base::Error last = base::plain_error("no temporary directory outside " + avoided);
  for (const std::string& place : places()) {
    if (lies_in(place, avoided)) continue;
    std::string pattern = place + "/fairlead-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) {
      last = base::errno_error("make a directory in " + place);
      continue;
    }
    TemporaryFile file(pattern, name);
    const base::UniqueFd fd(
        open(file.path().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return base::errno_error("create " + file.path());
    if (auto written = base::write_all(fd, content, file.path()); !written) return written.error();
    return file;
  }
  return last;
}

TemporaryFile::TemporaryFile(TemporaryFile&& other) noexcept
    : directory_(std::exchange(other.directory_, {})), name_(std::move(other.name_)) {}

TemporaryFile::~TemporaryFile() {
  if (directory_.empty()) return;
  unlink(path().c_str());
  rmdir(directory_.c_str());
}

}  // namespace fairlead::workspace
