// A place in a configuration, and a mistake there. Pure.
//
// Thread rule: values.
#pragma once

#include <string>
#include <vector>

#include "supervisor/config/jsonc.h"

namespace fairlead::config {

// Keys, and indices as decimals: {"portsAttributes", "3000", "label"}, {"forwardPorts", "2"}.
using PropertyPath = std::vector<std::string>;

struct Mistake {
  PropertyPath where;
  std::string what;  // "must be a string, not 7"
};

PropertyPath operator/(PropertyPath parent, std::string key);

// portsAttributes["3000"].label; long keys are cut.
std::string to_text(const PropertyPath& path);

// "must be WANTED, not VALUE", with the value cut short.
Mistake wrong(PropertyPath where, const std::string& wanted, const Json& value);

// `"portsAttributes["3000"].label" must be a string, not 7`
std::string to_text(const Mistake& mistake);

}  // namespace fairlead::config
