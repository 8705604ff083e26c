#include "detect/listener_tracker.h"

#include <algorithm>

namespace fairlead::detect {

bool ListenerTracker::observe(const Snapshot& snapshot, base::SteadyTime now) {
  bool changed = false;
  for (auto& [endpoint, entry] : known_) {
    if (!entry.missing_since) entry.missing_since = now;
  }
  for (const Listener& listener : snapshot.listeners) {
    const auto [place, fresh] = known_.try_emplace(listener.endpoint, Entry{listener, {}});
    Entry& entry = place->second;
    changed |= fresh || entry.listener != listener;
    entry.listener = listener;
    entry.missing_since.reset();
  }
  return expire(now) || changed;
}

bool ListenerTracker::expire(base::SteadyTime now) {
  return std::erase_if(known_, [&](const auto& item) {
           const auto& since = item.second.missing_since;
           return since && now - *since >= grace_;
         }) > 0;
}

std::vector<Listener> ListenerTracker::settled() const {
  std::vector<Listener> result;
  result.reserve(known_.size());
  for (const auto& [endpoint, entry] : known_) result.push_back(entry.listener);
  return result;
}

std::optional<base::SteadyTime> ListenerTracker::next_expiry() const {
  std::optional<base::SteadyTime> next;
  for (const auto& [endpoint, entry] : known_) {
    if (!entry.missing_since) continue;
    const base::SteadyTime at = *entry.missing_since + grace_;
    next = next ? std::min(*next, at) : at;
  }
  return next;
}

}  // namespace fairlead::detect
