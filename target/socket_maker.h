// Makes one socket, in whatever network namespace the caller is. Without anything of ours or of the
// C++ library's: the agent is made of this too. SPEC.md "Namespace sockets".
#pragma once

#include <cstdint>

#include "target/socket_kind.h"

namespace fairlead::target {

// A descriptor that is the caller's, close-on-exec and non-blocking, or -1 and errno. A TCP socket
// has TCP_NODELAY, gives up a dial after some 15 s, and is reset by close().
int make_socket(SocketKind kind);

// SO_NETNS_COOKIE of a socket: never recurs while the machine is up. 0 where the kernel lacks it.
std::uint64_t namespace_cookie(int socket);

}  // namespace fairlead::target
