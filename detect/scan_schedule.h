// When to look at a container's sockets. Pure.
//
// Nobody can call listen() without using CPU time: at each tick the container's CPU counter is
// read, and a scan made only if it moved, or if the last one is old. After a listener has gone,
// ticks come quickly for a moment, since what was closed by a restart will be opened again. SPEC.md
// "Detection", performance goals P7 and P10.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace fairlead::detect {

class ScanSchedule {
 public:
  struct Settings {
    std::chrono::milliseconds tick{40};
    std::chrono::milliseconds quick_tick{5};
    std::chrono::milliseconds quick_period{2000};
    std::chrono::milliseconds longest_gap{2000};
  };
  ScanSchedule() : ScanSchedule(Settings{}) {}
  explicit ScanSchedule(Settings settings) : settings_(settings) {}

  // At a tick. `cpu_usage` is the counter's reading, nothing where there is none to trust.
  bool should_scan(base::SteadyTime now, std::optional<std::uint64_t> cpu_usage) const;
  // A scan was made; `cpu_usage` as read before it.
  void scanned(base::SteadyTime now, std::optional<std::uint64_t> cpu_usage);
  void listener_gone(base::SteadyTime now) { quick_until_ = now + settings_.quick_period; }

  std::chrono::milliseconds next_tick(base::SteadyTime now) const {
    return now < quick_until_ ? settings_.quick_tick : settings_.tick;
  }

 private:
  Settings settings_;
  std::optional<base::SteadyTime> last_scan_;
  std::optional<std::uint64_t> last_usage_;
  base::SteadyTime quick_until_{};
};

}  // namespace fairlead::detect
