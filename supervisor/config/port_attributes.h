// What devcontainer.json says about single ports. Pure. SPEC.md "Port attributes".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/config/jsonc.h"

namespace fairlead::config {

enum class OnAutoForward : std::uint8_t { kNotify, kSilent, kIgnore };

struct PortAttributes {
  std::optional<std::string> label;
  std::optional<std::string> protocol;  // "http", "https"
  std::optional<OnAutoForward> on_auto_forward;

  bool operator==(const PortAttributes&) const = default;
};

using AttributesByPort = std::map<std::uint16_t, PortAttributes>;

// Reads `portsAttributes`. Keys that are not exact numbers are skipped, with a warning that names
// them; a value of the wrong type is an error that names the property.
base::Result<AttributesByPort> parse_ports_attributes(const Json& value,
                                                      std::vector<std::string>& warnings);

Json to_json(const PortAttributes& attributes);
PortAttributes attributes_from_json(const Json& object);

// "http", "https", or nothing for ports whose well-known protocol is another one (SPEC.md lists
// them) and that do not say what they are.
std::optional<std::string> url_scheme(std::uint16_t container_port,
                                      const PortAttributes& attributes);

}  // namespace fairlead::config
