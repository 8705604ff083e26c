// A container's /etc/hosts and /etc/resolv.conf as text from outside: bounded, never trusted. Pure.
// SPEC.md "Other hosts".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"

namespace fairlead::target {

inline constexpr std::size_t kMostNameServers = 3;
inline constexpr std::size_t kMostSearchDomains = 6;
inline constexpr std::size_t kMostAddresses = 16;

// Letters, digits, '-', '_' and '.', 253 at most, no empty label: what may be asked for.
bool is_host_name(std::string_view name);

// The addresses that a hosts file gives a name (letter case does not count), in its order.
std::vector<base::IpAddress> addresses_in_hosts(std::string_view hosts, std::string_view name);

struct ResolverSettings {
  std::vector<base::IpAddress> servers;
  std::vector<std::string> search;
  unsigned ndots = 1;
};
// What makes no sense is left out.
ResolverSettings parse_resolver_settings(std::string_view resolv_conf);

// The names to ask for, in order: as resolv.conf's search list and ndots say.
std::vector<std::string> names_to_ask(const std::string& name, const ResolverSettings& settings);

}  // namespace fairlead::target
