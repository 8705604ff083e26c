// Control groups, as this process sees them: where a hierarchy is mounted, and a process's group in
// it. A hierarchy is named by a controller of it; "" is that of version 2. SPEC.md "Detection".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead::detect {

// The groups of one process, as they were when it was read (two files of procfs).
class ProcessCgroups {
 public:
  static base::Result<ProcessCgroups> read(std::int64_t pid);
  // Where the process's group is in the file system. Nothing for the root group, which stands for
  // the whole machine, and for a group out of sight.
  std::optional<std::string> directory(std::string_view controller) const;

 private:
  ProcessCgroups(std::string groups, std::string mounts)
      : groups_(std::move(groups)), mounts_(std::move(mounts)) {}
  std::string groups_;
  std::string mounts_;
};

// Where version 2 is mounted; empty: nowhere.
std::string cgroup2_mount();

// Pure parts. The path of a controller's cgroup in /proc/PID/cgroup, and where a hierarchy is
// mounted according to /proc/self/mountinfo. An init process that has put itself into a group of
// its own (systemd's init.scope) stands for the group above.
std::optional<std::string> cgroup_path(std::string_view proc_cgroup, std::string_view controller);
std::optional<std::string> cgroup_mount(std::string_view mountinfo, std::string_view controller);

}  // namespace fairlead::detect
