// Waiting times that double up to a bound. Pure. Thread rule: a value.
#pragma once

#include <algorithm>
#include <chrono>

namespace fairlead::base {

class Backoff {
 public:
  using Duration = std::chrono::milliseconds;
  Backoff(Duration first, Duration longest) : first_(first), longest_(longest), next_(first) {}

  // The time to wait now; the following one is twice as long, `longest` at most.
  Duration next() {
    const Duration current = next_;
    next_ = std::min(next_ * 2, longest_);
    return current;
  }
  void reset() { next_ = first_; }

 private:
  Duration first_;
  Duration longest_;
  Duration next_;
};

}  // namespace fairlead::base
