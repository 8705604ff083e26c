// fairlead's own settings of a workspace: `customizations.fairlead` of devcontainer.json, and what
// a personal file puts over it (personal_config.h). Pure. SPEC.md "Configuration".
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/config/jsonc.h"
#include "supervisor/config/nat_wish.h"
#include "supervisor/config/property.h"

namespace fairlead::config {

struct Customizations {
  std::map<std::uint16_t, std::uint16_t> host_ports;  // container port -> wished host port
  std::optional<std::size_t> max_auto_forwards;
  bool all_services = false;  // the other services of a Compose project are forwarded, too
  NatWish nat_proxy;

  bool operator==(const Customizations&) const = default;
};

// An integer from 1 to 65535.
bool is_port_number(const Json& value);

// What `object` says replaces what `into` said: hostPorts port by port, the others whole. `where`
// is the object's own place. A key that is none of ours is a warning.
std::optional<Mistake> apply_customizations(const Json& object, const PropertyPath& where,
                                            Customizations& into,
                                            std::vector<std::string>& warnings);

}  // namespace fairlead::config
