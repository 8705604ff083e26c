// Which addresses a container's network namespace owns right now: the proof that an address still
// is the container's and has not been handed to another one. SPEC.md "Relays".
// Thread rule: free functions. Block no longer than reading procfs takes.
#pragma once

#include <string_view>

#include "base/endpoint.h"
#include "base/result.h"
#include "target/init_process.h"

namespace fairlead::target {

// Success: `address` belongs to an interface in the namespace of a process that lives.
// EADDRNOTAVAIL: it does not. ESRCH: the process has ended. Other errors: cannot be seen.
base::Result<void> confirm_address(const InitProcess& init, const base::IpAddress& address);

// Pure: whether /proc/net/fib_trie, or /proc/net/if_inet6, lists the address as a local one.
bool fib_trie_has(std::string_view text, const base::IpAddress& address);
bool if_inet6_has(std::string_view text, const base::IpAddress& address);

}  // namespace fairlead::target
