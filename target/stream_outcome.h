// How a stream ended that passes through a socket which cannot tell: both sides of a socket pair
// share one. SPEC.md "Relays". Thread rule: any thread.
#pragma once

#include <atomic>

namespace fairlead::target {

struct StreamOutcome {
  // Set before the stream ends towards the client, if its end is no orderly one.
  std::atomic<bool> broken{false};
  // Set before the client's side is closed, if it was reset.
  std::atomic<bool> reset{false};
};

}  // namespace fairlead::target
