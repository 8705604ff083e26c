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

}  // namespace fairlead::detect
