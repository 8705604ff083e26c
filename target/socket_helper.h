// The helper process that joins a namespace and makes sockets there (`fairlead __sockets`).
//
// It is single-threaded, because joining a user namespace demands that, and does nothing else: no
// logging, no engine, no allocation to speak of. It talks over descriptor 3, a SOCK_SEQPACKET pair:
//
//   supervisor -> helper   JoinRequest + pidfd of the container's init process
//   helper -> supervisor   SocketReply, kJoined: the namespace's cookie, or an error
//   supervisor -> helper   SocketRequest: kind, how many
//   helper -> supervisor   SocketReply, kSockets + descriptors; fewer than asked for on error
//
// It ends when the pair closes, and is killed with its parent. After joining it gives up all
// capabilities. SPEC.md "Namespace sockets".
#pragma once

#include <cstdint>

#include "target/namespace_sockets.h"

namespace fairlead::target {

inline constexpr int kHelperChannelFd = 3;
inline constexpr std::uint32_t kMaxSocketsPerRequest = 128;

struct JoinRequest {
  std::uint32_t join_user_namespace = 0;
};

struct SocketRequest {
  SocketKind kind = SocketKind::kTcp4;
  std::uint32_t count = 0;
};

enum class ReplyKind : std::uint8_t { kJoined, kSockets };

struct SocketReply {
  ReplyKind reply = ReplyKind::kJoined;
  SocketKind kind = SocketKind::kTcp4;
  std::int32_t error_number = 0;
  std::uint64_t namespace_cookie = 0;  // kJoined only; 0 = the kernel has none (before 5.14)
};

// Runs until the channel closes. Returns the process' exit status.
int run_socket_helper();

// SO_NETNS_COOKIE of a socket: never recurs while the machine is up. 0 where the kernel lacks it.
std::uint64_t namespace_cookie(int socket);

}  // namespace fairlead::target
