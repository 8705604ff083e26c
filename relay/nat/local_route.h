// Over which interface this host reaches an address, and whether that leads to a container of this
// machine rather than to somebody in the world. SPEC.md "Kernel NAT". Thread rule: free functions.
// Block no longer than the kernel's answers take.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "relay/nat/netlink_socket.h"

namespace fairlead::relay {

// The name of the bridge or veth that leads to `address` (IPv4) without a gateway. Errors say in
// words where it leads instead.
base::Result<std::string> local_interface(const base::IpAddress& address);

// The IPv4 addresses of the network that a NETLINK_ROUTE socket belongs to, those of the interface
// that was there first before others, the loopback's left out.
base::Result<std::vector<base::IpAddress>> addresses_in_order(const NetlinkSocket& netlink);

// Pure: one of them as the kernel tells of it (rtnetlink, after the message's header).
struct InterfaceAddress {
  unsigned interface = 0;
  base::IpAddress address;
};
std::optional<InterfaceAddress> read_address(std::string_view body);

// Pure: whether an announcement of the kernel (rtnetlink, whole messages) takes `address` (IPv4)
// away from an interface.
bool takes_away(std::string_view announcement, const base::IpAddress& address);

// Pure: the kernel's answers to "how do you get there" and "what is this interface" (rtnetlink,
// whole messages).
struct RouteAnswer {
  int interface = 0;
  bool direct = false;  // unicast, no gateway
};
base::Result<RouteAnswer> read_route(std::string_view message);
struct LinkAnswer {
  std::string name;
  std::string kind;  // "bridge", "veth", …; empty for a device
};
base::Result<LinkAnswer> read_link(std::string_view message);

}  // namespace fairlead::relay
