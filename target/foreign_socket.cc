#include "target/foreign_socket.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "target/socket_maker.h"

namespace fairlead::target {
namespace {

struct Shape {
  int domain;
  int protocol;  // tells the type, too
};

Shape shape_of(SocketKind kind) {
  switch (kind) {
    case SocketKind::kTcp4:
      return {AF_INET, IPPROTO_TCP};
    case SocketKind::kTcp6:
      return {AF_INET6, IPPROTO_TCP};
    case SocketKind::kDiag:
      return {AF_NETLINK, NETLINK_SOCK_DIAG};
    case SocketKind::kUdp4:
      return {AF_INET, IPPROTO_UDP};
    case SocketKind::kRoute:
      return {AF_NETLINK, NETLINK_ROUTE};
    case SocketKind::kUdp6:
      break;
  }
  return {AF_INET6, IPPROTO_UDP};
}

// -1: it has no such option, or is no socket at all.
int option(int socket, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  return getsockopt(socket, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

// Neither connected nor listening. The state is the first byte of what the kernel tells.
bool is_fresh(int socket) {
  std::uint8_t state = 0;
  socklen_t length = sizeof state;
  return getsockopt(socket, IPPROTO_TCP, TCP_INFO, &state, &length) == 0 && state == TCP_CLOSE;
}

}  // namespace

bool adopt_foreign_socket(int socket, SocketKind kind, std::uint64_t cookie) {
  const Shape wanted = shape_of(kind);
  if (option(socket, SO_PROTOCOL) != wanted.protocol) return false;
  if (option(socket, SO_DOMAIN) != wanted.domain) return false;
  if (cookie != 0 && namespace_cookie(socket) != cookie) return false;
  if (wanted.protocol == IPPROTO_TCP && !is_fresh(socket)) return false;
  const int flags = fcntl(socket, F_GETFL);
  if (flags < 0) return false;
  return (flags & O_NONBLOCK) != 0 || fcntl(socket, F_SETFL, flags | O_NONBLOCK) == 0;
}

}  // namespace fairlead::target
