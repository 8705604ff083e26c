// The command lines that Compose gets: `docker compose` (version 2) and `docker-compose` (1 and 2)
// take the same ones. Pure. SPEC.md "Compose".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "supervisor/engine/engine_address.h"

namespace fairlead::engine {

struct ComposeVersion {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;

  auto operator<=>(const ComposeVersion&) const = default;
};

// Of `version --short`: "1.29.2", "v2.17.2", "2.20.2+ds1-0ubuntu1". Nothing if it is none.
std::optional<ComposeVersion> parse_compose_version(const std::string& text);

struct ComposeTool {
  std::vector<std::string> command;  // with the engine's address
  ComposeVersion version;

  // "project_service" or "project-service": the image of a service that is built without a name.
  std::string built_image(const std::string& project, const std::string& service) const;
  bool needs_same_versions() const { return version.major < 2; }  // `version:` of all files
  bool keeps_dashes() const;                                      // in project names
};

// Before `compose` (or as `docker-compose`'s own): which engine is meant.
std::vector<std::string> compose_plugin_command(const EngineAddress& engine);
std::vector<std::string> compose_program_command(const std::string& program,
                                                 const EngineAddress& engine);

struct ComposeProject {
  std::vector<std::string> files;  // the first one's folder is the project's
  std::string env_file;            // empty: Compose's own choice
  std::string name;
};

std::vector<std::string> compose_config_arguments(const ComposeTool& tool,
                                                  const ComposeProject& project);
// No services: all of them.
std::vector<std::string> compose_build_arguments(const ComposeTool& tool,
                                                 const ComposeProject& project,
                                                 const std::vector<std::string>& services);
// `recreate` false: containers that exist are started as they are.
std::vector<std::string> compose_up_arguments(const ComposeTool& tool,
                                              const ComposeProject& project,
                                              const std::vector<std::string>& services,
                                              bool recreate);

}  // namespace fairlead::engine
