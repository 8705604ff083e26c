// devcontainer.json on disk: which file it is, and its text, read with bounds. SPEC.md
// "Configuration".
//
// Thread rule: free. Blocks as the disk does.
#pragma once

#include <string>

#include "base/result.h"
#include "supervisor/config/jsonc.h"

namespace fairlead::config {

inline constexpr std::size_t kConfigFileLimit = 1U << 20;

// What a configuration was read from: for whoever has to name the line of a mistake in it.
struct ConfigSource {
  std::string path;  // of the text: with --override-config, that file
  std::string text;
  Json json;  // an object
};

// The one configuration file of a workspace. An error lists the candidates if there are several,
// and names the places looked at if there is none.
base::Result<std::string> find_config_file(const std::string& workspace_folder);

// At most 1 MiB, regular file: a larger one is refused unread.
base::Result<std::string> read_config_text(const std::string& path);
// The same as JSONC. EACCES and the like with the path; syntax errors with line and column.
base::Result<ConfigSource> load_config_source(const std::string& path);
base::Result<Json> load_config_file(const std::string& path);

}  // namespace fairlead::config
