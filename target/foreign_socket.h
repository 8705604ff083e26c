// A socket that came from a process that is not ours: whether it is what was asked for, before it
// counts as one. SPEC.md "Namespace sockets". Thread rule: free functions; none blocks.
#pragma once

#include <cstdint>

#include "target/socket_kind.h"

namespace fairlead::target {

// Family, protocol and namespace are as asked for, a TCP socket is neither connected nor listening;
// makes it non-blocking. `cookie`: of the namespace; 0 where the kernel has none. Some five system
// calls.
bool adopt_foreign_socket(int socket, SocketKind kind, std::uint64_t cookie);

}  // namespace fairlead::target
