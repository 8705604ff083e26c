#include "relay/direct_dialer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/net.h"

namespace fairlead::relay {
namespace {

// As for namespace sockets: a dial that meets a full backlog gives up after some 15 s.
constexpr int kSynRetries = 3;

}  // namespace

DialSocket DirectDialer::reserve(const std::vector<base::Endpoint>& targets,
                                 const std::function<void()>& when_ready) {
  (void)when_ready;  // without descriptors the acceptor tries again by itself
  const bool v6 = std::any_of(targets.begin(), targets.end(), [](const base::Endpoint& target) {
    return target.address.family() == base::Family::kIpv6;
  });
  DialSocket result;
  result.v6 = v6;
  result.fd.reset(socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!result.fd) return {};
  const int on = 1;
  const int off = 0;
  setsockopt(result.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(result.fd.get(), IPPROTO_TCP, TCP_SYNCNT, &kSynRetries, sizeof kSynRetries);
  base::reset_on_close(result.fd.get());
  if (v6) setsockopt(result.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  return result;
}

base::Result<void> DirectDialer::connect(DialSocket& socket, const base::Endpoint& target) {
  const base::SocketAddress address = base::to_socket_address(target, socket.v6);
  if (::connect(socket.fd.get(), address.get(), address.length) == 0 || errno == EINPROGRESS) {
    return {};
  }
  return base::errno_error("connect " + target.to_string());
}

base::Result<void> DirectDialer::confirm(const base::Endpoint& target) {
  return proof_(target.address);
}

}  // namespace fairlead::relay
