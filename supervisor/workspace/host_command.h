// `initializeCommand`: the one thing of a configuration that runs on the host, because the dev
// container specification says so. SPEC.md "Lifecycle". Blocks; output goes to stderr.
#pragma once

#include <functional>
#include <string>

#include "supervisor/config/devcontainer_config.h"

namespace fairlead::workspace {

// In the workspace's folder, before the container is made or started; members of an object side by
// side. The error names what failed.
base::Result<void> run_initialize_command(const config::DevcontainerConfig& config,
                                          const std::string& folder,
                                          const std::function<void(const std::string&)>& say);

}  // namespace fairlead::workspace
