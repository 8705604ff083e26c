// Numbers that nobody needs to try any more, for one pass over many requests: each is met once, and
// from then on skipped in next to no time. Pure.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

namespace fairlead::registry {

class TakenNumbers {
 public:
  TakenNumbers() : next_(65537) { std::iota(next_.begin(), next_.end(), 0U); }

  void take(std::uint16_t number) { next_[number] = number + 1U; }
  // The first from `number` on that is not taken; 65536: there is none.
  std::uint32_t first_from(std::uint32_t number) {
    while (next_[number] != number) {
      next_[number] = next_[next_[number]];  // the next search takes half the steps
      number = next_[number];
    }
    return number;
  }

 private:
  std::vector<std::uint32_t> next_;  // each number, or one behind it that may be free
};

}  // namespace fairlead::registry
