// The kernel's memory of translated connections: what of it leads to an address that is no longer
// the one it was. SPEC.md "Kernel NAT". Thread rule: free functions. Block as long as the kernel
// takes to go through its table.
#pragma once

#include <vector>

#include "base/endpoint.h"
#include "base/result.h"

namespace fairlead::relay {

// As the client knows it.
struct TranslatedConnection {
  base::Endpoint client, server;
  bool is_tcp = false;
};

// Forgets the connections to 127/8 that are sent to `address` (IPv4): what a client goes on to send
// comes to this host's own loopback. Returns which these were.
base::Result<std::vector<TranslatedConnection>> forget_connections(const base::IpAddress& address);

}  // namespace fairlead::relay
