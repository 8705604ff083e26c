#include <fcntl.h>
#include <linux/perf_event.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <sstream>

#include "base/text_file.h"
#include "base/unique_fd.h"
#include "detect/cgroups.h"
#include "supervisor/doctor/permissions.h"

namespace fairlead::doctor {
namespace {

constexpr std::size_t kTableLimit = 1U << 20;

// The value after `key` in /proc/self/status.
std::string status_field(const std::string& status, const std::string& key) {
  const auto at = status.find("\n" + key + ":\t");
  if (at == std::string::npos) return {};
  const auto begin = at + key.size() + 3;
  return status.substr(begin, status.find('\n', begin) - begin);
}

// As the activity monitor does it, on the whole machine's group and one processor.
int try_watching(const std::string& mounts) {
  const auto mount = detect::cgroup_mount(mounts, "");
  if (!mount) return ENOENT;
  const base::UniqueFd group(open(mount->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!group) return errno;
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CONTEXT_SWITCHES;
  attributes.disabled = 1;
  const base::UniqueFd event(
      static_cast<int>(syscall(SYS_perf_event_open, &attributes, group.get(), 0, -1,
                               PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC)));
  return event ? 0 : errno;
}

// Of the mount of /proc, by its line in mountinfo.
std::string hidepid_in(const std::string& mounts) {
  std::istringstream lines(mounts);
  std::string value;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" /proc ") == std::string::npos || line.find(" - proc ") == std::string::npos) {
      continue;
    }
    const auto at = line.rfind("hidepid=");
    if (at == std::string::npos) continue;
    value = line.substr(at + 8, line.find_first_of(", ", at) - at - 8);
  }
  return value == "0" || value == "off" ? "" : value;
}

}  // namespace

PermissionFacts read_permission_facts() {
  PermissionFacts facts;
  facts.user = geteuid();
  if (const passwd* entry = getpwuid(facts.user); entry != nullptr) {
    facts.user_name = entry->pw_name;
  }
  if (const auto status = base::read_text_file("/proc/self/status", kTableLimit); status) {
    const std::string hex = status_field(*status, "CapEff");
    std::from_chars(hex.data(), hex.data() + hex.size(), facts.capabilities, 16);
  }
  if (const auto map = base::read_text_file("/proc/self/uid_map", kTableLimit); map) {
    std::istringstream fields(*map);
    std::string inside, outside, count;
    fields >> inside >> outside >> count;
    facts.in_user_namespace = outside != "0" || count != "4294967295";
  }
  if (const auto text = base::read_text_file("/proc/sys/kernel/perf_event_paranoid", 64); text) {
    std::int64_t value = 0;
    if (std::from_chars(text->data(), text->data() + text->size(), value).ec == std::errc{}) {
      facts.perf_event_paranoid = value;
    }
  }
  if (const auto mounts = base::read_text_file("/proc/self/mountinfo", kTableLimit); mounts) {
    facts.perf_error = try_watching(*mounts);
    facts.hidepid = hidepid_in(*mounts);
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) facts.descriptors = limit.rlim_max;
  return facts;
}

}  // namespace fairlead::doctor
