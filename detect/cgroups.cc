#include "detect/cgroups.h"

#include <algorithm>
#include <sstream>

#include "base/text_file.h"

namespace fairlead::detect {
namespace {

constexpr std::size_t kTableLimit = 1U << 20;

base::Result<std::string> read_mounts() {
  return base::read_text_file("/proc/self/mountinfo", kTableLimit);
}

bool lists(std::string_view comma_separated, std::string_view word) {
  while (!comma_separated.empty()) {
    const std::size_t comma = std::min(comma_separated.find(','), comma_separated.size());
    if (comma_separated.substr(0, comma) == word) return true;
    comma_separated.remove_prefix(std::min(comma + 1, comma_separated.size()));
  }
  return false;
}

}  // namespace

base::Result<ProcessCgroups> ProcessCgroups::read(std::int64_t pid) {
  auto groups = base::read_text_file("/proc/" + std::to_string(pid) + "/cgroup", kTableLimit);
  if (!groups) return groups.error();
  auto mounts = read_mounts();
  if (!mounts) return mounts.error();
  return ProcessCgroups(std::move(*groups), std::move(*mounts));
}

std::optional<std::string> ProcessCgroups::directory(std::string_view controller) const {
  const auto path = cgroup_path(groups_, controller);
  const auto mount = cgroup_mount(mounts_, controller);
  if (!path || !mount || *path == "/" || path->find("/..") != std::string::npos)
    return std::nullopt;
  return *mount + *path;
}

std::string cgroup2_mount() {
  const auto mounts = read_mounts();
  return mounts ? cgroup_mount(*mounts, "").value_or("") : "";
}

std::optional<std::string> cgroup_path(std::string_view proc_cgroup, std::string_view controller) {
  std::istringstream lines{std::string(proc_cgroup)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string_view controllers =
        std::string_view(line).substr(first + 1, second - first - 1);
    const bool wanted = controller.empty() ? controllers.empty() : lists(controllers, controller);
    if (!wanted) continue;
    std::string path = line.substr(second + 1);
    constexpr std::string_view kInitScope = "/init.scope";
    if (path.ends_with(kInitScope)) path.resize(path.size() - kInitScope.size());
    return path.empty() ? "/" : path;
  }
  return std::nullopt;
}

std::optional<std::string> cgroup_mount(std::string_view mountinfo, std::string_view controller) {
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    const std::size_t separator = line.find(" - ");
    if (separator == std::string::npos) continue;
    std::istringstream before(line.substr(0, separator)), after(line.substr(separator + 3));
    std::string id, parent, device, root, mount_point, type, source, options;
    before >> id >> parent >> device >> root >> mount_point;
    after >> type >> source >> options;
    const bool wanted =
        controller.empty() ? type == "cgroup2" : type == "cgroup" && lists(options, controller);
    if (wanted && root == "/") return mount_point;
  }
  return std::nullopt;
}

}  // namespace fairlead::detect
