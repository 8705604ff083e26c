// Ends TCP connections of other processes of this host: their next call fails with ECONNABORTED.
// For those that the kernel has sent to an address which is about to be somebody else's: a SYN that
// is on its way would be repeated, and answered by the next owner.
//
// Takes CAP_NET_ADMIN and a kernel with CONFIG_INET_DIAG_DESTROY. SPEC.md "Kernel NAT". Thread
// rule: free functions. Block as long as the kernel takes to go through its table.
#pragma once

#include <cstddef>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"

namespace fairlead::relay {

// Whether the kernel does that at all; asked with a connection that there cannot be.
base::Result<void> can_end_connections();

struct ConnectionEnds {
  base::Endpoint local, remote;  // IPv4
};
// What is no more is passed over. Returns how many were ended.
base::Result<std::size_t> end_connections(const std::vector<ConnectionEnds>& connections);

// The ones to `remote` (any port) of sockets that remember something in this
// BPF_MAP_TYPE_SK_STORAGE.
base::Result<std::size_t> end_connections_of(int storage, const base::IpAddress& remote);

}  // namespace fairlead::relay
