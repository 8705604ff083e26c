// What follows from a connection that was lost: when to make another, and whether the way still
// counts as one. One that is lost again and again, soon after it was made, is no way in, however
// often it can be made: neither we nor the engine shall be kept busy by it. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include "base/backoff.h"
#include "base/clock.h"

namespace fairlead::daemon {

class ConnectionLosses {
 public:
  static constexpr auto kSolid = std::chrono::seconds(10);       // one that has lasted so long
  static constexpr auto kBelievedIn = std::chrono::seconds(20);  // without a solid one

  struct Verdict {
    std::chrono::milliseconds wait;
    bool believed_in = true;
  };
  // `made`: when the one that is lost had been made; nothing: it never was.
  Verdict lost(base::SteadyTime now, std::optional<base::SteadyTime> made) {
    if (made && now - *made >= kSolid) {
      wait_.reset();
      lacking_ = false;
    }
    if (!std::exchange(lacking_, true)) since_ = now;
    return {wait_.next(), now - since_ <= kBelievedIn};
  }

 private:
  base::Backoff wait_{std::chrono::milliseconds(200), std::chrono::seconds(10)};
  bool lacking_ = false;  // a solid one
  base::SteadyTime since_{};
};

}  // namespace fairlead::daemon
