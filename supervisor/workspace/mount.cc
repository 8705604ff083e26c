#include "supervisor/workspace/mount.h"

#include <filesystem>

namespace fairlead::workspace {
namespace {

namespace fs = std::filesystem;

fs::path repository_root(const fs::path& folder) {
  std::error_code ignored;
  for (fs::path at = folder; at != at.root_path(); at = at.parent_path()) {
    if (fs::exists(at / ".git", ignored)) return at;
  }
  return folder;
}

// A comma would end the field; the engine reads fields as CSV does.
std::string field(const std::string& text) {
  if (text.find_first_of(",\"") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string(2, c) : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

WorkspaceMount default_mount(const std::string& folder, bool git_root) {
  const fs::path source = git_root ? repository_root(folder) : fs::path(folder);
  const fs::path target = fs::path("/workspaces") / source.filename();
  const fs::path below = fs::path(folder).lexically_relative(source);
  WorkspaceMount result;
  result.mount =
      "type=bind," + field("source=" + source.string()) + "," + field("target=" + target.string());
  result.folder = below == "." ? target.string() : (target / below).string();
  return result;
}

}  // namespace fairlead::workspace
