// ${…} variables of devcontainer.json. Pure. SPEC.md "Configuration".
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "supervisor/config/jsonc.h"

namespace fairlead::config {

using EnvironmentLookup = std::function<std::optional<std::string>(const std::string&)>;

struct VariableContext {
  std::string local_workspace_folder;
  std::string container_workspace_folder;  // empty = not known yet; such variables stay
  std::string devcontainer_id;
  EnvironmentLookup local_env;      // none = nothing is set
  EnvironmentLookup container_env;  // none = not known yet; ${containerEnv:…} stays
};

// A missing environment variable is empty (or the default after the second colon); an unknown form
// stays as it is.
std::string substitute(std::string_view text, const VariableContext& context);
// Only ${containerEnv:…}, in a text whose other variables have been replaced before: what those
// brought in is not looked through again.
std::string substitute_container_env(std::string_view text, const EnvironmentLookup& container_env);
// In every string value, keys excepted.
Json substitute_all(const Json& value, const VariableContext& context);

// SHA-256 over the JSON of the labels (keys sorted), as 52 digits of base 32.
std::string devcontainer_id(const std::map<std::string, std::string>& id_labels);

}  // namespace fairlead::config
