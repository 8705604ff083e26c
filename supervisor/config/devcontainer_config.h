// devcontainer.json as a value: what of it fairlead carries out. Parsing is pure; discovery and
// loading read files. SPEC.md "Configuration".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "supervisor/config/jsonc.h"
#include "supervisor/config/port_attributes.h"
#include "supervisor/config/port_spec.h"
#include "supervisor/config/variables.h"

namespace fairlead::config {

// A string runs in a shell, an array runs as it is.
using Command = std::variant<std::string, std::vector<std::string>>;
// One command, or several by name that run in parallel.
struct LifecycleCommand {
  std::vector<std::pair<std::string, Command>> parts;  // the name is empty for a single one
};

using StringMap = std::vector<std::pair<std::string, std::string>>;

struct DevcontainerConfig {
  std::string path;  // of the file
  Json raw;          // before substitution
  std::string image;
  std::string image_metadata;  // the image's own label, filled in by whoever has an engine
  std::optional<std::string> workspace_mount;
  std::optional<std::string> workspace_folder;
  std::string container_user;
  std::string remote_user;
  StringMap container_env;
  StringMap remote_env;
  std::vector<std::string> run_args;
  std::vector<std::string> mounts;  // as --mount takes them
  bool init = false;
  bool privileged = false;
  std::vector<std::string> cap_add;
  std::vector<std::string> security_opt;
  bool override_command = true;
  std::vector<std::uint16_t> app_ports;  // numbers: ours to forward, or published on 127.0.0.1
  std::vector<std::string> published_app_ports;  // strings: the engine's own notation
  std::vector<DeclaredPort> forward_ports;
  AttributesByPort attributes;
  std::map<std::string, LifecycleCommand> lifecycle;  // by property name
  std::vector<std::string> warnings;
};

// The one configuration file of a workspace. An error lists the candidates if there are several,
// and names the places looked at if there is none.
base::Result<std::string> find_config_file(const std::string& workspace_folder);

// At most 1 MiB, regular file. EACCES and the like with the path.
base::Result<Json> load_config_file(const std::string& path);

// `raw` as loaded. Errors name the property.
base::Result<DevcontainerConfig> parse_config(const Json& raw, const std::string& path,
                                              const VariableContext& variables);

}  // namespace fairlead::config
