// ${…} variables of devcontainer.json. Pure. SPEC.md "Configuration".
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "supervisor/config/jsonc.h"

namespace fairlead::config {

struct VariableContext {
  std::string local_workspace_folder;
  std::string container_workspace_folder;  // empty = not known yet; such variables stay
  std::string devcontainer_id;
  std::function<std::optional<std::string>(const std::string&)> local_env;
};

// A missing environment variable is empty (or the default after the second colon); an unknown form
// stays as it is.
std::string substitute(std::string_view text, const VariableContext& context);
// In every string value, keys excepted.
Json substitute_all(const Json& value, const VariableContext& context);

// SHA-256 over the JSON of the labels (keys sorted), as 52 digits of base 32.
std::string devcontainer_id(const std::map<std::string, std::string>& id_labels);

}  // namespace fairlead::config
