#include "relay/namespace_dialer.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace fairlead::relay {

using target::SocketKind;

DialSocket NamespaceDialer::reserve(const std::vector<base::Endpoint>& targets,
                                    const std::function<void()>& when_ready) {
  const bool v6 = std::any_of(targets.begin(), targets.end(),
                              [](const base::Endpoint& target) {
                                return target.address.family() == base::Family::kIpv6;
                              }) &&
                  sockets_->supports(SocketKind::kTcp6);
  const SocketKind kind = v6 ? SocketKind::kTcp6 : SocketKind::kTcp4;
  DialSocket socket;
  socket.v6 = v6;
  socket.fd = sockets_->take(kind);
  if (socket.fd) return socket;
  starving_.join(when_ready);
  // Sockets that came before we stood in the line have called nobody.
  socket.fd = sockets_->take(kind);
  return socket;
}

void NamespaceDialer::unreserve(DialSocket socket) {
  sockets_->give_back(socket.v6 ? SocketKind::kTcp6 : SocketKind::kTcp4, std::move(socket.fd));
}

base::Result<void> NamespaceDialer::connect(DialSocket& socket, const base::Endpoint& target) {
  if (!socket.v6 && target.address.family() == base::Family::kIpv6) {
    return base::errno_error(EAFNOSUPPORT, "connect " + target.to_string());
  }
  const base::SocketAddress address = base::to_socket_address(target, socket.v6);
  if (::connect(socket.fd.get(), address.get(), address.length) == 0 || errno == EINPROGRESS) {
    return {};
  }
  return base::errno_error("connect " + target.to_string());
}

}  // namespace fairlead::relay
