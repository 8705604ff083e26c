#include "supervisor/config/nat_wish.h"

namespace fairlead::config {

std::optional<Mistake> read_nat_wish(const Json& value, const PropertyPath& where, NatWish& into) {
  if (!value.is_boolean() && !value.is_object()) {
    return wrong(where, "true, false, or an object from container port to either", value);
  }
  NatWish wish;
  if (value.is_boolean()) {
    wish.everywhere = value.get<bool>();
  } else {
    for (const auto& [key, item] : value.items()) {
      const auto port = port_of_key(key);
      if (!port) return Mistake{where / key, "is not named by a port from 1 to 65535"};
      if (!item.is_boolean()) return wrong(where / key, "true or false", item);
      wish.ports[*port] = item.get<bool>();
    }
  }
  into = wish;
  return std::nullopt;
}

}  // namespace fairlead::config
