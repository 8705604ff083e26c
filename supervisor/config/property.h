// A place in a configuration, and a mistake there. Pure.
//
// Thread rule: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "supervisor/config/jsonc.h"

namespace fairlead::config {

// Keys of objects and indices of arrays: {"portsAttributes", "3000", "label"}, {"forwardPorts",
// 2U}.
using PropertyStep = std::variant<std::string, std::size_t>;
using PropertyPath = std::vector<PropertyStep>;

struct Mistake {
  PropertyPath where;
  std::string what;  // "must be a string, not 7"
};

PropertyPath operator/(PropertyPath parent, std::string key);
PropertyPath operator/(PropertyPath parent, std::size_t index);

// portsAttributes["3000"].label; long keys are cut.
std::string to_text(const PropertyPath& path);

// "must be WANTED, not VALUE", with the value cut short.
Mistake wrong(PropertyPath where, const std::string& wanted, const Json& value);

// `portsAttributes["3000"].label must be a string, not 7`; a single word stands in quotes.
std::string to_text(const Mistake& mistake);

// A key that names a port from 1 to 65535, in digits alone.
std::optional<std::uint16_t> port_of_key(const std::string& key);

// A text of a configuration as a message may show it: cut short, one line.
std::string excerpt(const std::string& text);

}  // namespace fairlead::config
