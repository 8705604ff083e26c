// What is wished of relay `nat`: by devcontainer.json (`natProxy`), or by a Compose file
// (`x-fairlead: {nat-proxy: …}`). Pure. SPEC.md "Configuration" and "Compose". Thread rule: values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "supervisor/config/jsonc.h"
#include "supervisor/config/property.h"

namespace fairlead::config {

struct NatWish {
  std::optional<bool> everywhere;
  std::map<std::uint16_t, bool> ports;  // beats `everywhere`

  // Nothing: nobody has said anything.
  std::optional<bool> of(std::uint16_t container_port) const {
    const auto found = ports.find(container_port);
    return found != ports.end() ? found->second : everywhere;
  }
  bool is_said() const { return everywhere || !ports.empty(); }

  bool operator==(const NatWish&) const = default;
};

// true, false, or an object from container port to either; takes the place of what `into` said.
std::optional<Mistake> read_nat_wish(const Json& value, const PropertyPath& where, NatWish& into);

}  // namespace fairlead::config
