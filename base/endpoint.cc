#include "base/endpoint.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace fairlead::base {

IpAddress IpAddress::v4(std::uint32_t host_order) {
  IpAddress result;
  for (int i = 0; i < 4; ++i)
    result.bytes_[static_cast<std::size_t>(12 + i)] =
        static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  return result;
}

IpAddress IpAddress::from_bytes(const std::array<std::uint8_t, 16>& v6) {
  static constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0,    0,
                                                              0, 0, 0, 0, 0xff, 0xff};
  IpAddress result;
  result.bytes_ = v6;
  const bool mapped = std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), v6.begin());
  result.family_ = mapped ? Family::kIpv4 : Family::kIpv6;
  return result;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string terminated(text);
  in_addr v4_address{};
  if (inet_pton(AF_INET, terminated.c_str(), &v4_address) == 1) {
    return v4(ntohl(v4_address.s_addr));
  }
  std::array<std::uint8_t, 16> v6{};
  if (inet_pton(AF_INET6, terminated.c_str(), v6.data()) == 1) return from_bytes(v6);
  return std::nullopt;
}

IpAddress IpAddress::loopback6() {
  std::array<std::uint8_t, 16> bytes{};
  bytes[15] = 1;
  return from_bytes(bytes);
}

IpAddress IpAddress::any6() { return from_bytes({}); }

bool IpAddress::is_loopback() const {
  return family_ == Family::kIpv4 ? bytes_[12] == 127 : *this == loopback6();
}

bool IpAddress::is_wildcard() const {
  return family_ == Family::kIpv4 ? as_v4() == 0 : *this == any6();
}

std::uint32_t IpAddress::as_v4() const {
  assert(family_ == Family::kIpv4);
  std::uint32_t value = 0;
  for (std::size_t i = 12; i < 16; ++i) value = (value << 8) | bytes_[i];
  return value;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (family_ == Family::kIpv4) {
    inet_ntop(AF_INET, bytes_.data() + 12, text, sizeof text);
  } else {
    inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
  }
  return text;
}

std::string Endpoint::to_string() const {
  const std::string text = address.to_string();
  const std::string number = std::to_string(port);
  return address.family() == Family::kIpv4 ? text + ":" + number : "[" + text + "]:" + number;
}

SocketAddress to_socket_address(const Endpoint& endpoint, bool as_v6) {
  SocketAddress result;
  if (endpoint.address.family() == Family::kIpv4 && !as_v6) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, endpoint.address.bytes().data() + 12, 4);
    std::memcpy(&result.storage, &address, sizeof address);
    result.length = sizeof address;
  } else {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    std::memcpy(&address.sin6_addr, endpoint.address.bytes().data(), 16);
    std::memcpy(&result.storage, &address, sizeof address);
    result.length = sizeof address;
  }
  return result;
}

std::optional<Endpoint> from_socket_address(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, &storage, sizeof address);
    return Endpoint{IpAddress::v4(ntohl(address.sin_addr.s_addr)), ntohs(address.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, &storage, sizeof address);
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
    return Endpoint{IpAddress::from_bytes(bytes), ntohs(address.sin6_port)};
  }
  return std::nullopt;
}

}  // namespace fairlead::base
