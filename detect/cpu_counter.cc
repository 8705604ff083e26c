#include "detect/cpu_counter.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <sstream>

#include "base/text_file.h"

namespace fairlead::detect {
namespace {

constexpr std::size_t kTableLimit = 1U << 20;

bool lists(std::string_view comma_separated, std::string_view word) {
  while (!comma_separated.empty()) {
    const std::size_t comma = std::min(comma_separated.find(','), comma_separated.size());
    if (comma_separated.substr(0, comma) == word) return true;
    comma_separated.remove_prefix(std::min(comma + 1, comma_separated.size()));
  }
  return false;
}

base::UniqueFd open_usage_file(const std::string& cgroups, const std::string& mounts,
                               const char* controller, const char* file) {
  const auto path = cgroup_path(cgroups, controller);
  const auto mount = cgroup_mount(mounts, controller);
  // The root group counts the whole machine: of no use.
  if (!path || !mount || *path == "/" || path->find("/..") != std::string::npos) return {};
  return base::UniqueFd(::open((*mount + *path + "/" + file).c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

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

std::optional<std::uint64_t> parse_cpu_usage(std::string_view text) {
  constexpr std::string_view kPrefix = "usage_usec ";
  if (text.substr(0, kPrefix.size()) == kPrefix) text.remove_prefix(kPrefix.size());
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return value;
}

base::Result<CpuCounter> CpuCounter::open(std::int64_t pid) {
  const auto cgroups =
      base::read_text_file("/proc/" + std::to_string(pid) + "/cgroup", kTableLimit);
  if (!cgroups) return cgroups.error();
  const auto mounts = base::read_text_file("/proc/self/mountinfo", kTableLimit);
  if (!mounts) return mounts.error();
  base::UniqueFd fd = open_usage_file(*cgroups, *mounts, "cpuacct", "cpuacct.usage");
  if (!fd) fd = open_usage_file(*cgroups, *mounts, "", "cpu.stat");
  if (!fd) return base::errno_error(ENOENT, "the container's CPU counter");
  CpuCounter counter(std::move(fd));
  if (!counter.read()) return base::errno_error(ENOENT, "the container's CPU counter");
  return counter;
}

std::optional<std::uint64_t> CpuCounter::read() const {
  char text[256];
  const ssize_t count = pread(fd_.get(), text, sizeof text, 0);
  if (count <= 0) return std::nullopt;
  return parse_cpu_usage({text, static_cast<std::size_t>(count)});
}

}  // namespace fairlead::detect
