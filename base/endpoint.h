// An address and a port, as text and as a sockaddr.
//
// IPv4-mapped IPv6 addresses are normalised to IPv4 by from_bytes(), so that one address has one
// form everywhere above the parsers. Thread rule: values.
#pragma once

#include <netinet/in.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fairlead::base {

enum class Family : std::uint8_t { kIpv4, kIpv6 };

class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0

  static IpAddress v4(std::uint32_t host_order);
  // Network order, as the kernel keeps it. A v4-mapped address becomes IPv4.
  static IpAddress from_bytes(const std::array<std::uint8_t, 16>& v6);
  static std::optional<IpAddress> parse(std::string_view text);

  static IpAddress loopback4() { return v4(0x7f000001); }
  static IpAddress loopback6();
  static IpAddress any4() { return v4(0); }
  static IpAddress any6();

  Family family() const { return family_; }
  bool is_loopback() const;     // 127/8, ::1
  bool is_wildcard() const;     // 0.0.0.0, ::
  std::uint32_t as_v4() const;  // host order; REQUIRES family() == kIpv4
  // Network order; an IPv4 address in its mapped form.
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  std::string to_string() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  Family family_ = Family::kIpv4;
  std::array<std::uint8_t, 16> bytes_{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
};

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  std::string to_string() const;  // "127.0.0.1:3000", "[::1]:3000"
  auto operator<=>(const Endpoint&) const = default;
};

// A sockaddr of either family. `as_v6` writes an IPv4 address in its mapped form, for an AF_INET6
// socket.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
SocketAddress to_socket_address(const Endpoint& endpoint, bool as_v6 = false);
std::optional<Endpoint> from_socket_address(const sockaddr_storage& storage);

}  // namespace fairlead::base
