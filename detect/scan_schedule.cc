#include "detect/scan_schedule.h"

#include <algorithm>

namespace fairlead::detect {

bool ScanSchedule::should_scan(base::SteadyTime now, std::optional<std::uint64_t> cpu_usage) const {
  if (!last_scan_ || now - *last_scan_ >= settings_.longest_gap) return true;
  return !cpu_usage || cpu_usage != last_usage_;
}

void ScanSchedule::scanned(base::SteadyTime now, std::optional<std::uint64_t> cpu_usage) {
  last_scan_ = now;
  last_usage_ = cpu_usage;
}

ScanSchedule::Step ScanSchedule::tick(base::SteadyTime now,
                                      std::optional<std::uint64_t> cpu_usage) {
  if (should_scan(now, cpu_usage)) {
    gap_ = std::min(gap_ + gap_ / 2, settings_.tick);
    return Step::kScan;
  }
  // The counter stands where it stood before the last scan.
  if (!monitored_ || !active_) return Step::kNothing;
  active_ = false;
  return Step::kRest;
}

ScanSchedule::Duration ScanSchedule::next_tick(base::SteadyTime now) const {
  if (monitored_) return active_ ? gap_ : settings_.longest_gap;
  return now < quick_until_ ? settings_.quick_tick : settings_.tick;
}

}  // namespace fairlead::detect
