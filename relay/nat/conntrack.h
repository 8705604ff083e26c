// The kernel's memory of translated connections: what of it leads to an address that is no longer
// the one it was. SPEC.md "Kernel NAT". Thread rule: free functions. Block as long as the kernel
// takes to go through its table.
#pragma once

#include <cstddef>

#include "base/endpoint.h"
#include "base/result.h"

namespace fairlead::relay {

// Forgets the connections to 127/8 that are sent to `address` (IPv4): whoever goes on with one is
// reset. Returns how many there were.
base::Result<std::size_t> forget_connections(const base::IpAddress& address);

}  // namespace fairlead::relay
