// devcontainer.json as a value: every property that fairlead carries out. Pure; the files are
// config_file.h's. SPEC.md "Configuration".
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "supervisor/config/config_file.h"
#include "supervisor/config/customizations.h"
#include "supervisor/config/host_requirements.h"
#include "supervisor/config/jsonc.h"
#include "supervisor/config/port_spec.h"
#include "supervisor/config/ports_attributes.h"
#include "supervisor/config/variables.h"

namespace fairlead::config {

// A string runs in a shell, an array runs as it is.
using Command = std::variant<std::string, std::vector<std::string>>;
// One command, or several by name that run in parallel.
struct LifecycleCommand {
  std::vector<std::pair<std::string, Command>> parts;  // the name is empty for a single one
};

using StringMap = std::vector<std::pair<std::string, std::string>>;
using RemoteEnvironment = std::vector<std::pair<std::string, std::optional<std::string>>>;

struct ImageBuild {
  std::string dockerfile;  // absolute, of the host
  std::string context;     // absolute, of the host
  StringMap args;
  std::string target;
  std::vector<std::string> cache_from;
  std::vector<std::string> options;  // words for the engine's build
};

struct ComposeService {
  std::vector<std::string> files;  // absolute; empty = COMPOSE_FILE's or the folder's own
  std::string service;
  std::vector<std::string> run_services;
  bool all_run_services = true;  // "runServices" is absent
};

struct DevcontainerConfig {
  std::string path;  // of the file that identifies the workspace
  Json raw;          // as written (override applied), before substitution
  std::string name;

  std::string image;
  std::string image_metadata;  // the image's own label, filled in by whoever has an engine
  std::optional<ImageBuild> build;
  std::optional<ComposeService> compose;
  Json features = Json::object();

  std::optional<std::string> workspace_mount;
  std::optional<std::string> workspace_folder;
  std::string container_user;
  std::string remote_user;
  StringMap container_env;
  RemoteEnvironment remote_env;  // no value = unset
  std::vector<std::string> run_args;
  std::vector<std::string> mounts;  // as --mount takes them
  std::vector<std::string> cap_add;
  std::vector<std::string> security_opt;
  std::vector<std::string> entrypoints;  // of a merged configuration
  bool init = false;
  bool privileged = false;
  std::optional<bool> override_command;        // not said: true, of a Compose service false
  std::optional<bool> update_remote_user_uid;  // not said: the flag's default
  std::string user_env_probe;                  // empty = not said
  std::string wait_for;
  std::string shutdown_action;

  std::vector<std::uint16_t> app_ports;  // numbers: ours to forward, or published on 127.0.0.1
  std::vector<std::string> published_app_ports;  // strings: the engine's own notation
  std::vector<DeclaredPort> forward_ports;
  PortsAttributes attributes;
  Customizations customizations;

  // By property name, initializeCommand included; several after a merge, in the metadata's order.
  std::map<std::string, std::vector<LifecycleCommand>> lifecycle;
  std::vector<std::string> secrets;  // names
  HostRequirements host_requirements;
  std::vector<std::string> warnings;
};

// `raw` as loaded, or merged with the image's metadata (metadata.h). Errors name the property, and
// with a `source` (which a merged one does not have) its file and line.
base::Result<DevcontainerConfig> parse_config(const Json& raw, const std::string& path,
                                              const VariableContext& variables,
                                              const ConfigSource* source = nullptr);

}  // namespace fairlead::config
