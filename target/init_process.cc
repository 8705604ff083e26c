#include "target/init_process.h"

#include <sys/stat.h>

#include "base/text_file.h"

namespace fairlead::target {
namespace {

constexpr std::size_t kMostCgroupText = 64U << 10;

std::optional<std::pair<dev_t, ino_t>> file_identity(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return std::nullopt;
  return std::pair(info.st_dev, info.st_ino);
}

std::optional<bool> same_as_ours(std::int64_t pid, const std::string& entry) {
  const auto theirs = file_identity("/proc/" + std::to_string(pid) + entry);
  const auto ours = file_identity("/proc/self" + entry);
  if (!theirs || !ours) return std::nullopt;
  return *theirs == *ours;
}

}  // namespace

base::Result<InitProcess> InitProcess::open(std::int64_t pid) {
  auto pidfd = base::open_pidfd(pid);
  if (!pidfd) return pidfd.error();
  auto identity = base::identify_process(pid);
  if (!identity) return identity.error();
  // Read while the descriptor pins the process: if it still lives, the start time is its own.
  if (!base::pidfd_alive(*pidfd)) {
    return base::errno_error(ESRCH, "process " + std::to_string(pid));
  }
  return InitProcess(std::move(*pidfd), std::move(*identity));
}

std::optional<bool> InitProcess::shares_our_network() const {
  // ns/net takes ptrace permission; the socket tables' inode is visible to every user.
  auto same = same_as_ours(identity_.pid, "/ns/net");
  if (!same) same = same_as_ours(identity_.pid, "/net/tcp");
  if (!alive()) return std::nullopt;
  return same;
}

bool InitProcess::has_cgroup_mark(const std::string& mark) const {
  const auto groups =
      base::read_text_file("/proc/" + std::to_string(identity_.pid) + "/cgroup", kMostCgroupText);
  return groups && alive() && groups->find(mark) != std::string::npos;
}

bool InitProcess::has_own_user_namespace() const {
  return !same_as_ours(identity_.pid, "/ns/user").value_or(true);
}

}  // namespace fairlead::target
