// What tells the ports of one supervisor apart: number, and the host they belong to.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>

namespace fairlead::daemon {

struct PortKey {
  PortKey(std::uint16_t number, std::string host = {}) : port(number), service(std::move(host)) {}

  std::uint16_t port;
  std::string service;  // empty = the container's own

  auto operator<=>(const PortKey&) const = default;
};

// "3000", "db:5432"
inline std::string to_string(const PortKey& key) {
  return (key.service.empty() ? "" : key.service + ":") + std::to_string(key.port);
}

}  // namespace fairlead::daemon
