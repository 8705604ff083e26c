// The helper process that joins a namespace and makes sockets there (`fairlead __sockets`).
//
// It is single-threaded, because joining a user namespace demands that, and does nothing else: no
// logging, no engine, no allocation to speak of. It talks over descriptor 3, a SOCK_SEQPACKET pair:
// first it gets a JoinRequest with a pidfd of the container's init process, then it answers as
// target/socket_protocol.h says.
//
// It ends when the pair closes, and is killed with its parent. After joining it gives up all
// capabilities. SPEC.md "Namespace sockets".
#pragma once

#include <cstdint>

#include "target/socket_maker.h"
#include "target/socket_protocol.h"

namespace fairlead::target {

inline constexpr int kHelperChannelFd = 3;
struct JoinRequest {
  std::uint32_t join_user_namespace = 0;
};

// Runs until the channel closes. Returns the process' exit status.
int run_socket_helper();

}  // namespace fairlead::target
