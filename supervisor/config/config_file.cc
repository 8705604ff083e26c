#include "supervisor/config/config_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "base/text_file.h"
#include "base/unique_fd.h"

namespace fairlead::config {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostListed = 20;

std::vector<std::string> configurations_by_folder(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code failure;
  fs::directory_iterator entry(folder / ".devcontainer", failure);
  for (; !failure && entry != fs::directory_iterator(); entry.increment(failure)) {
    const fs::path candidate = entry->path() / "devcontainer.json";
    std::error_code ignored;
    if (fs::exists(candidate, ignored)) found.push_back(candidate.string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

base::Result<std::string> find_config_file(const std::string& workspace_folder) {
  std::error_code ignored;
  const fs::path folder(workspace_folder);
  for (const char* place : {".devcontainer/devcontainer.json", ".devcontainer.json"}) {
    if (fs::exists(fs::symlink_status(folder / place, ignored))) return (folder / place).string();
  }
  const std::vector<std::string> found = configurations_by_folder(folder);
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return base::plain_error("no dev container configuration in " + workspace_folder +
                             " (looked for .devcontainer/devcontainer.json, .devcontainer.json "
                             "and .devcontainer/*/devcontainer.json)");
  }
  std::string list;
  for (std::size_t i = 0; i < std::min(found.size(), kMostListed); ++i) list += "\n  " + found[i];
  if (found.size() > kMostListed) {
    list += "\n  and " + std::to_string(found.size() - kMostListed) + " more";
  }
  return base::plain_error("several dev container configurations; choose one with --config:" +
                           list);
}

base::Result<std::string> read_config_text(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return base::errno_error("read " + path);
  if (!S_ISREG(info.st_mode)) return base::plain_error(path + " is not a regular file");
  // What the name stands for may have changed by now: a pipe must not keep us waiting.
  const base::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return base::errno_error("open " + path);
  if (fstat(fd.get(), &info) != 0) return base::errno_error("read " + path);
  if (!S_ISREG(info.st_mode)) return base::plain_error(path + " is not a regular file");
  if (info.st_size > static_cast<off_t>(kConfigFileLimit)) {
    return base::errno_error(EFBIG, "read " + path);
  }
  return base::read_all(fd, kConfigFileLimit, path);
}

base::Result<ConfigSource> load_config_source(const std::string& path) {
  auto text = read_config_text(path);
  if (!text) return text.error();
  auto json = parse_jsonc(*text, path);
  if (!json) return json.error();
  if (!json->is_object()) return base::plain_error(path + ": not a JSON object");
  return ConfigSource{path, std::move(*text), std::move(*json)};
}

base::Result<Json> load_config_file(const std::string& path) {
  auto source = load_config_source(path);
  if (!source) return source.error();
  return std::move(source->json);
}

}  // namespace fairlead::config
