// What passes between a supervisor and the process that makes sockets for it in a container's
// namespace, over a SOCK_SEQPACKET socket: plain values of fixed size, of one machine.
//
//   process -> supervisor   SocketReply, kJoined: the namespace's cookie, or an error; first of all
//   supervisor -> process   SocketRequest: kind, how many
//   process -> supervisor   SocketReply, kSockets + descriptors; fewer than asked for on error
//   supervisor -> agent     OwnersRequest: inodes of listening sockets
//   agent -> supervisor     OwnerReply for each whose owner it can see, then one with inode 0
//
// The agent is not to be believed: lengths, counts and order are checked by whoever reads.
// SPEC.md "Namespace sockets".
#pragma once

#include <cstddef>
#include <cstdint>

#include "target/socket_kind.h"

namespace fairlead::target {

inline constexpr std::uint32_t kMaxSocketsPerRequest = 128;
inline constexpr std::size_t kMaxOwnersPerRequest = 64;
inline constexpr std::size_t kMostCommandLine = 1024;

enum class RequestKind : std::uint8_t { kSockets, kOwners };

struct SocketRequest {
  RequestKind request = RequestKind::kSockets;
  SocketKind kind = SocketKind::kTcp4;
  std::uint32_t count = 0;
};

struct OwnersRequest {
  RequestKind request = RequestKind::kOwners;
  std::uint32_t count = 0;
  std::uint64_t inodes[kMaxOwnersPerRequest] = {};
};

enum class ReplyKind : std::uint8_t { kJoined, kSockets, kOwner };

struct SocketReply {
  ReplyKind reply = ReplyKind::kJoined;
  SocketKind kind = SocketKind::kTcp4;
  std::int32_t error_number = 0;
  std::uint64_t namespace_cookie = 0;  // kJoined only; 0 = the kernel has none (before 5.14)
};

struct OwnerReply {
  ReplyKind reply = ReplyKind::kOwner;
  std::int32_t pid = 0;  // as the container sees it
  std::uint64_t inode = 0;
  std::uint32_t length = 0;                  // of the text
  char command_line[kMostCommandLine] = {};  // as in /proc/PID/cmdline
};

}  // namespace fairlead::target
