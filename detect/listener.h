// One LISTEN socket of a container. Pure value. SPEC.md "Detection".
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "base/endpoint.h"

namespace fairlead::detect {

struct Listener {
  base::Endpoint endpoint;  // mapped IPv6 addresses appear as the IPv4 address they mean
  bool v6_only = false;     // meaningful for "::" alone: whether it refuses IPv4
  std::uint32_t uid = 0;    // owner as the kernel tells
  std::uint64_t inode = 0;  // of the socket; 0 = not known

  auto operator<=>(const Listener&) const = default;
};

// The complete picture of one moment, sorted by endpoint, each endpoint once.
struct Snapshot {
  std::vector<Listener> listeners;
  std::size_t dropped = 0;  // beyond kMaxListeners; counted, not kept
};

// More listeners than this are somebody's experiment, or somebody's attack.
inline constexpr std::size_t kMaxListeners = 4096;

// Sorts, and keeps one of several listeners on one endpoint (SO_REUSEPORT lists them all).
void normalize(Snapshot& snapshot);

}  // namespace fairlead::detect
