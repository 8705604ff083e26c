#include "supervisor/config/customizations.h"

namespace fairlead::config {
namespace {

std::optional<Mistake> bad_key(const PropertyPath& where, const std::string& key) {
  if (port_of_key(key)) return std::nullopt;
  return Mistake{where / key, "is not named by a port from 1 to 65535"};
}

std::optional<Mistake> read_host_ports(const Json& value, const PropertyPath& where,
                                       std::map<std::uint16_t, std::uint16_t>& into) {
  if (!value.is_object()) return wrong(where, "an object from container port to host port", value);
  for (const auto& [key, item] : value.items()) {
    if (auto mistake = bad_key(where, key)) return mistake;
    if (!is_port_number(item)) return wrong(where / key, "a port from 1 to 65535", item);
    into[*port_of_key(key)] = item.get<std::uint16_t>();
  }
  return std::nullopt;
}

}  // namespace

bool is_port_number(const Json& value) {
  if (value.is_number_unsigned()) {
    return value.get<std::uint64_t>() >= 1 && value.get<std::uint64_t>() <= 65535;
  }
  return value.is_number_integer() && value.get<std::int64_t>() >= 1 &&
         value.get<std::int64_t>() <= 65535;
}

std::optional<Mistake> apply_customizations(const Json& object, const PropertyPath& where,
                                            Customizations& into,
                                            std::vector<std::string>& warnings) {
  if (!object.is_object()) return wrong(where, "an object", object);
  for (const auto& [key, item] : object.items()) {
    const PropertyPath place = where / key;
    if (key == "hostPorts") {
      if (auto mistake = read_host_ports(item, place, into.host_ports)) return mistake;
    } else if (key == "maxAutoForwards") {
      const bool zero = item.is_number_integer() && item == 0;
      if (!zero && !is_port_number(item)) return wrong(place, "a number from 0 to 65535", item);
      into.max_auto_forwards = item.get<std::size_t>();
    } else if (key == "allServices") {
      if (!item.is_boolean()) return wrong(place, "true or false", item);
      into.all_services = item.get<bool>();
    } else if (key == "natProxy") {
      if (auto mistake = read_nat_wish(item, place, into.nat_proxy)) return mistake;
    } else {
      warnings.push_back(to_text(place) +
                         " is not known and has no effect (known are hostPorts, maxAutoForwards, "
                         "allServices and natProxy)");
    }
  }
  return std::nullopt;
}

}  // namespace fairlead::config
