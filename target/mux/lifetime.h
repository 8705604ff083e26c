// When one end of a multiplexed connection takes the other for dead. Pure. SPEC.md "Mux".
#pragma once

#include <algorithm>
#include <cstdint>

namespace fairlead::target::mux {

inline constexpr std::uint64_t kPingMs = 5000;
inline constexpr std::uint64_t kSilenceMs = 15000;

// Milliseconds of any steady clock. Whoever was stopped for a while finds the other's words still
// unread: silence counts when it was found twice, with a look at what has come in between.
class Silence {
 public:
  int wait(std::uint64_t now, std::uint64_t last_heard) const {
    const std::uint64_t end = last_heard + kSilenceMs;
    return end > now ? static_cast<int>(std::min<std::uint64_t>(end - now, kSilenceMs)) : 0;
  }
  bool is_dead(std::uint64_t now, std::uint64_t last_heard) {
    if (wait(now, last_heard) > 0) {
      found_ = false;
      return false;
    }
    const bool twice = found_;
    found_ = true;
    return twice;
  }

 private:
  bool found_ = false;
};

}  // namespace fairlead::target::mux
