#include "detect/scan_schedule.h"

namespace fairlead::detect {

bool ScanSchedule::should_scan(base::SteadyTime now, std::optional<std::uint64_t> cpu_usage) const {
  if (!last_scan_ || now - *last_scan_ >= settings_.longest_gap) return true;
  return !cpu_usage || cpu_usage != last_usage_;
}

void ScanSchedule::scanned(base::SteadyTime now, std::optional<std::uint64_t> cpu_usage) {
  last_scan_ = now;
  last_usage_ = cpu_usage;
}

bool ScanSchedule::calm_down(std::optional<std::uint64_t> cpu_usage) {
  if (!active_ || !cpu_usage || cpu_usage != last_usage_) return false;
  active_ = false;
  return true;
}

ScanSchedule::Duration ScanSchedule::next_tick(base::SteadyTime now) const {
  if (monitored_) return active_ ? gap_ : settings_.longest_gap;
  return now < quick_until_ ? settings_.quick_tick : settings_.tick;
}

}  // namespace fairlead::detect
