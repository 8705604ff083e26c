// The kinds of sockets that are made in a container's namespace. SPEC.md "Namespace sockets".
#pragma once

#include <cstdint>

namespace fairlead::target {

enum class SocketKind : std::uint8_t {
  kTcp4,   // AF_INET stream
  kTcp6,   // AF_INET6 stream; reaches IPv4 by mapped addresses too
  kDiag,   // NETLINK_SOCK_DIAG
  kUdp4,   // AF_INET datagram
  kUdp6,   // AF_INET6 datagram
  kRoute,  // NETLINK_ROUTE
};

}  // namespace fairlead::target
