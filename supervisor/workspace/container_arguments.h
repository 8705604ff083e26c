// The engine's `run` arguments for a configuration. Pure. SPEC.md "Creation".
#pragma once

#include <map>
#include <string>
#include <vector>

#include "supervisor/config/devcontainer_config.h"
#include "supervisor/workspace/mount.h"

namespace fairlead::workspace {

// `publish_app_ports` is false when a supervisor forwards them instead.
std::vector<std::string> container_arguments(const config::DevcontainerConfig& config,
                                             const WorkspaceMount& mount,
                                             const std::map<std::string, std::string>& id_labels,
                                             bool publish_app_ports);

}  // namespace fairlead::workspace
