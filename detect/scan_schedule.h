// When to look at a container's sockets. Pure.
//
// Nobody can call listen() without running. Where an activity monitor tells of that, nothing
// happens in an idle container but a scan for safety every other second; while something runs,
// ticks come with growing gaps. Without a monitor there is a steady tick. Either way a tick scans
// only if the container's CPU counter has moved since the last scan. SPEC.md "Detection", goals P7
// and P10.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace fairlead::detect {

class ScanSchedule {
 public:
  using Duration = std::chrono::milliseconds;
  struct Settings {
    Duration tick{40};              // without a monitor; the longest gap with one
    Duration first_active_tick{2};  // when the monitor has told of activity; each gap grows by half
    Duration quick_tick{5};         // without a monitor, after a listener has gone: what a restart
    Duration quick_period{2000};    //   has closed it will open again
    Duration longest_gap{2000};     // a scan comes at least this often, whatever the counters say
  };
  ScanSchedule() : ScanSchedule(Settings{}) {}
  explicit ScanSchedule(Settings settings) : settings_(settings), gap_(settings.tick) {}

  // Whether a monitor calls activity().
  void set_monitored(bool monitored) { monitored_ = monitored; }
  // Something has run: the monitor may pause until a tick says kRest.
  void activity() {
    active_ = true;
    gap_ = settings_.first_active_tick;
  }
  void listener_gone(base::SteadyTime now) { quick_until_ = now + settings_.quick_period; }

  // Whether it is time for a scan. `cpu_usage` is the counter's reading, nothing where there is
  // none to trust.
  bool should_scan(base::SteadyTime now, std::optional<std::uint64_t> cpu_usage) const;
  enum class Step { kNothing, kScan, kRest };
  // What to do at a tick. kRest, once: nothing has run since the last scan, resume the monitor.
  Step tick(base::SteadyTime now, std::optional<std::uint64_t> cpu_usage);
  // A scan was made; `cpu_usage` as read before it.
  void scanned(base::SteadyTime now, std::optional<std::uint64_t> cpu_usage);

  Duration next_tick(base::SteadyTime now) const;

 private:
  Settings settings_;
  std::optional<base::SteadyTime> last_scan_;
  std::optional<std::uint64_t> last_usage_;
  base::SteadyTime quick_until_{};
  Duration gap_;
  bool monitored_ = false;
  bool active_ = false;
};

}  // namespace fairlead::detect
