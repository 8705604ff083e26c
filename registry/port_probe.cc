#include "registry/port_probe.h"

#include <cerrno>

#include "base/net.h"

namespace fairlead::registry {
namespace {
constexpr int kBacklog = 4096;
}

base::Result<BoundPort> bind_port(std::uint16_t port) {
  BoundPort bound;
  bound.port = port;
  auto v4 = base::listen_tcp({base::IpAddress::loopback4(), port}, kBacklog);
  if (!v4) return v4.error();
  bound.v4 = std::move(*v4);
  auto v6 = base::listen_tcp({base::IpAddress::loopback6(), port}, kBacklog);
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
