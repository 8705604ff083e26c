// Who holds a listening socket, as the container's own procfs shows it. SPEC.md "Agent".
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "target/socket_protocol.h"

namespace fairlead::agent {

// Calls `found` for each of the sockets, at most kMaxOwnersPerRequest, whose process can be found,
// until it says false. Blocks while it looks through /proc.
using OwnerFound = std::function<bool(const target::OwnerReply&)>;
void find_owners(const std::uint64_t* inodes, std::size_t count, const OwnerFound& found);

}  // namespace fairlead::agent
