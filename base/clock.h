// Time sources behind names, so that pure code takes the time as an argument and tests choose it.
#pragma once

#include <chrono>
#include <string>

namespace fairlead::base {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

inline SteadyTime steady_now() { return std::chrono::steady_clock::now(); }
inline WallTime wall_now() { return std::chrono::system_clock::now(); }

// "2026-01-01T00:00:00Z", UTC, whole seconds.
std::string to_iso8601(WallTime time);
// Seconds since the epoch, as files keep them.
std::int64_t to_epoch_seconds(WallTime time);

}  // namespace fairlead::base
