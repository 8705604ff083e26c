#include "detect/listener.h"

#include <algorithm>

namespace fairlead::detect {

void normalize(Snapshot& snapshot) {
  auto& all = snapshot.listeners;
  std::sort(all.begin(), all.end());
  const auto same = [](const Listener& a, const Listener& b) { return a.endpoint == b.endpoint; };
  all.erase(std::unique(all.begin(), all.end(), same), all.end());
}

}  // namespace fairlead::detect
