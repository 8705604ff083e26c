#include "target/socket_maker.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace fairlead::target {
namespace {

// Three SYN retries: a dial that meets a full backlog gives up after some 15 s, without a timer.
constexpr int kSynRetries = 3;
constexpr int kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;

int make_tcp(int family) {
  const int fd = socket(family, SOCK_STREAM | kFlags, 0);
  if (fd < 0) return fd;
  const int on = 1;
  const int off = 0;
  const linger abort{1, 0};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &kSynRetries, sizeof kSynRetries);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  return fd;
}

}  // namespace

int make_socket(SocketKind kind) {
  switch (kind) {
    case SocketKind::kTcp4:
      return make_tcp(AF_INET);
    case SocketKind::kTcp6:
      return make_tcp(AF_INET6);
    case SocketKind::kDiag:
      return socket(AF_NETLINK, SOCK_RAW | kFlags, NETLINK_SOCK_DIAG);
    case SocketKind::kUdp4:
      return socket(AF_INET, SOCK_DGRAM | kFlags, 0);
    case SocketKind::kRoute:
      return socket(AF_NETLINK, SOCK_RAW | kFlags, NETLINK_ROUTE);
    case SocketKind::kUdp6:
      break;
  }
  return socket(AF_INET6, SOCK_DGRAM | kFlags, 0);
}

std::uint64_t namespace_cookie(int socket) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) != 0) return 0;
  return cookie;
}

}  // namespace fairlead::target
