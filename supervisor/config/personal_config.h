// `$XDG_CONFIG_HOME/fairlead/config.json`: what one person wants otherwise than a workspace's
// devcontainer.json says it. Reads a file. SPEC.md "Configuration".
//
//   {"workspaces": {"/abs/folder": {"hostPorts": {"3000": 13000}}, "*": {"maxAutoForwards": 10}}}
//
// Thread rule: free.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/config/customizations.h"
#include "supervisor/config/variables.h"

namespace fairlead::config {

struct PersonalConfig {
  std::map<std::string, Json> workspaces;  // by folder, or "*"; each checked
  std::vector<std::string> warnings;
};

// $XDG_CONFIG_HOME if absolute, else $HOME/.config. Nothing without either.
std::optional<std::string> personal_config_path(const EnvironmentLookup& environment);

// No file is no wishes. Regular file, at most 1 MiB; errors name file and line.
base::Result<PersonalConfig> load_personal_config(const std::string& path);
// The pure part.
base::Result<PersonalConfig> parse_personal_config(const std::string& text,
                                                   const std::string& path);

// "*" first, then the folder's own words.
void apply_personal(const PersonalConfig& personal, const std::string& folder,
                    Customizations& into);

}  // namespace fairlead::config
