// Declared ports as the command line and devcontainer.json write them. Pure.
//
//   3000 · 8080:3000 (host:container) · db:5432 · 8080:db:5432 · 3000-3010 · 8000-8010:3000-3010,
//   each with an optional suffix /tcp. SPEC.md "Port specifications".
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fairlead::config {

struct DeclaredPort {
  std::uint16_t container_port = 0;
  std::string service;            // empty = the container itself; "localhost" means that, too
  std::uint16_t wished_host = 0;  // 0 = the container's number

  auto operator<=>(const DeclaredPort&) const = default;
};

// A range yields one entry per port. Errors name the offending word.
base::Result<std::vector<DeclaredPort>> parse_port_spec(std::string_view spec);

// More than this at once is somebody's mistake, or somebody's attack: each takes two descriptors of
// its supervisor and a kilobyte of every listing.
inline constexpr std::size_t kMaxDeclaredPorts = 10'000;

// Adds `more` to `ports`, each meaning once: the first mention of a container port stays, a later
// one that names a host port fills that in. `own_service` as a service is the container itself.
void merge_declared(std::vector<DeclaredPort>& ports, const std::vector<DeclaredPort>& more,
                    const std::string& own_service = "");

// "3000", "8080:db:5432"
std::string to_string(const DeclaredPort& port);

}  // namespace fairlead::config
