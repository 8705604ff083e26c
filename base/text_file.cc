#include "base/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace fairlead::base {

Result<std::string> read_all(const UniqueFd& fd, std::size_t limit, const std::string& name) {
  std::string text;
  std::size_t used = 0;
  for (;;) {
    if (used == text.size()) text.resize(std::max<std::size_t>(4096, text.size() * 2));
    const ssize_t count = ::read(fd.get(), text.data() + used, text.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("read " + name);
    if (count == 0) break;
    used += static_cast<std::size_t>(count);
    if (used > limit) return errno_error(EFBIG, "read " + name);
  }
  text.resize(used);
  return text;
}

Result<std::string> read_text_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return errno_error("open " + path);
  return read_all(fd, limit, path);
}

Result<void> write_all(const UniqueFd& fd, std::string_view data, const std::string& name) {
  while (!data.empty()) {
    const ssize_t count = ::write(fd.get(), data.data(), data.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("write " + name);
    data.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace fairlead::base
