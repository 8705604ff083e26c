// Mounts of a configuration as the engine's --mount takes them. Pure. SPEC.md "Configuration".
//
// Thread rule: values.
#pragma once

#include <optional>
#include <string>

#include "supervisor/config/jsonc.h"
#include "supervisor/config/property.h"

namespace fairlead::config {

// The engine reads the value as one line of CSV: a field with a comma stands in quotes.
std::string csv_field(const std::string& text);

// A string as it is; an object as "type=…,source=…,target=…,…".
std::optional<Mistake> read_mount(const Json& mount, const PropertyPath& where, std::string& into);

// Where in the container it lies; empty if it does not say.
std::string mount_target(const Json& mount);

}  // namespace fairlead::config
