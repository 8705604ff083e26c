// The CPU time that a container's cgroup has used: moves whenever anything runs in it.
//
// The file is opened once and read from its start: about 3 µs. cgroup v1 (cpuacct.usage) and v2
// (cpu.stat). SPEC.md "Detection".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::detect {

class CpuCounter {
 public:
  // ENOENT where no cgroup of the process can be found: then scan at every tick.
  static base::Result<CpuCounter> open(std::int64_t pid);
  // Nothing once the cgroup has gone.
  std::optional<std::uint64_t> read() const;

 private:
  explicit CpuCounter(base::UniqueFd fd) : fd_(std::move(fd)) {}
  base::UniqueFd fd_;
};

// Pure. "123\n" or a cpu.stat whose first line is "usage_usec 123".
std::optional<std::uint64_t> parse_cpu_usage(std::string_view text);

}  // namespace fairlead::detect
