// From raw pictures to a settled one. Pure.
//
// A listener counts from the first picture that shows it. One that disappears counts for a short
// grace longer, so that a server which restarts does not lose its host port in between. A scan that
// failed changes nothing: the last picture stays. SPEC.md "Detection".
#pragma once

#include <chrono>
#include <map>
#include <optional>

#include "base/clock.h"
#include "detect/listener.h"

namespace fairlead::detect {

class ListenerTracker {
 public:
  explicit ListenerTracker(std::chrono::milliseconds grace) : grace_(grace) {}

  // Returns true if the settled picture is another one than before.
  bool observe(const Snapshot& snapshot, base::SteadyTime now);
  // Lets time pass without a new picture. Returns as observe().
  bool expire(base::SteadyTime now);
  // The container has ended: nothing listens, without any grace.
  void clear() { known_.clear(); }

  // Everybody who counts as listening, sorted by endpoint.
  std::vector<Listener> settled() const;
  // When expire() has something to do next; nothing if everybody known was in the last picture.
  std::optional<base::SteadyTime> next_expiry() const;

 private:
  struct Entry {
    Listener listener;
    std::optional<base::SteadyTime> missing_since;
  };
  std::chrono::milliseconds grace_;
  std::map<base::Endpoint, Entry> known_;
};

}  // namespace fairlead::detect
