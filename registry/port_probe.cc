#include "registry/port_probe.h"

#include <cerrno>

#include "base/net.h"

namespace fairlead::registry {
namespace {
constexpr int kBacklog = 4096;

// Clients are reset until their streams are complete: relay/pump.h.
base::Result<base::UniqueFd> listen(const base::IpAddress& address, std::uint16_t port) {
  return base::listen_tcp({address, port}, kBacklog, base::AcceptedClose::kResets);
}

}  // namespace

base::Result<BoundPort> bind_port(std::uint16_t port) {
  BoundPort bound;
  bound.port = port;
  auto v4 = listen(base::IpAddress::loopback4(), port);
  if (!v4) return v4.error();
  bound.v4 = std::move(*v4);
  auto v6 = listen(base::IpAddress::loopback6(), port);
  if (v6) {
    bound.v6 = std::move(*v6);
  } else {
    const int failure = v6.error().code.value();
    const std::string endpoint = "[::1]:" + std::to_string(port);
    bound.v6_missing = failure == EADDRINUSE ? endpoint + " belongs to somebody else"
                       : failure == EADDRNOTAVAIL || failure == EAFNOSUPPORT
                           ? "this host has no ::1"
                           : v6.error().message();
  }
  return bound;
}

}  // namespace fairlead::registry
