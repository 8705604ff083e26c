// How a native run is named in a supervisor's configuration and marker: "native:PID:TICKS:NAME".
//
// Pid and start time say which process is CMD; the boot is the current one. Pure. SPEC.md "run".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fairlead::engine {

inline constexpr const char* kNativeEngine = "native";

struct NativeRun {
  std::int64_t pid = 0;
  std::uint64_t start_ticks = 0;
  std::string name;

  bool operator==(const NativeRun&) const = default;
};

std::string to_endpoint(const NativeRun& run);
// Nothing if the endpoint is another engine's, or damaged.
std::optional<NativeRun> parse_native_endpoint(std::string_view endpoint);
// Letters, digits, '.', '_', '-'; a letter or digit first; 64 at most.
bool is_run_name(std::string_view name);

}  // namespace fairlead::engine
