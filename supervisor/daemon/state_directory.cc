#include "supervisor/daemon/state_directory.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace fairlead::daemon {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string home() {
  if (const std::string value = environment("HOME"); !value.empty()) return value;
  const passwd* entry = getpwuid(geteuid());
  return entry != nullptr ? entry->pw_dir : "";
}

base::Result<StateDirectory> with_children(base::PrivateDirectory base, bool create) {
  auto supervisors = create ? base.create_child("supervisors") : base.open_child("supervisors");
  if (!supervisors) return supervisors.error();
  auto logs = create ? base.create_child("logs") : base.open_child("logs");
  if (!logs) return logs.error();
  return StateDirectory{std::move(base), std::move(*supervisors), std::move(*logs)};
}

}  // namespace

base::Result<std::string> state_path(const std::string& chosen) {
  std::string path = chosen;
  if (path.empty()) path = environment("FAIRLEAD_STATE_DIR");
  if (path.empty()) {
    std::string parent = environment("XDG_STATE_HOME");
    if (parent.empty() && !home().empty()) parent = home() + "/.local/state";
    if (parent.empty()) {
      return base::plain_error("no place for state: set HOME or FAIRLEAD_STATE_DIR");
    }
    path = parent + "/fairlead";
  }
  std::error_code failure;
  const auto absolute = std::filesystem::absolute(path, failure);
  if (failure) return base::Error{failure, "state directory " + path};
  return absolute.lexically_normal().string();
}

base::Result<StateDirectory> StateDirectory::create(const std::string& path) {
  auto base = base::PrivateDirectory::create(path);
  if (!base) return base.error();
  return with_children(std::move(*base), true);
}

base::Result<StateDirectory> StateDirectory::open(const std::string& path) {
  auto base = base::PrivateDirectory::open(path);
  if (!base) return base.error();
  return with_children(std::move(*base), false);
}

}  // namespace fairlead::daemon
