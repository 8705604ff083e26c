// The kernel's memory of translated connections: what of it leads to an address that is no longer
// the one it was. SPEC.md "Kernel NAT". Thread rule: free functions. Block as long as the kernel
// takes to go through its table.
#pragma once

#include <functional>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "relay/nat/kernel_table.h"

namespace fairlead::relay {

// As the client knows it.
struct TranslatedConnection {
  base::Endpoint client, server;
  KernelTable::Protocol protocol = KernelTable::Protocol::kUdp;  // or none of the two
};

// Forgets the connections that are sent to `address` (IPv4) and are `ours`: what a client goes on
// to send comes to where he has sent it. Returns which these were.
base::Result<std::vector<TranslatedConnection>> forget_connections(
    const base::IpAddress& address, const std::function<bool(const TranslatedConnection&)>& ours);

}  // namespace fairlead::relay
