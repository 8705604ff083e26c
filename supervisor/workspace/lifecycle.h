// Runs the lifecycle commands inside the container. SPEC.md "Lifecycle".
//
// Blocks; output goes to stderr. Nothing of this is ever run by a shell of the host.
#pragma once

#include <string>

#include "supervisor/config/devcontainer_config.h"
#include "supervisor/engine/engine.h"

namespace fairlead::workspace {

struct LifecycleContext {
  engine::Engine& engine;
  const config::DevcontainerConfig& config;
  target::Target container;
  std::string user;
  std::string folder;
};

// onCreateCommand, updateContentCommand, postCreateCommand: once for each container; which have run
// is kept in the container, where the reference CLI keeps it. The first failure stops the rest.
base::Result<void> run_create_commands(const LifecycleContext& context);
// postStartCommand (once for each start), then postAttachCommand.
base::Result<void> run_start_commands(const LifecycleContext& context);

}  // namespace fairlead::workspace
