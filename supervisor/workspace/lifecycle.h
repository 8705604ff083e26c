// Runs the lifecycle commands inside the container. SPEC.md "Lifecycle".
//
// Blocks; output goes to stderr. Nothing of this is ever run by a shell of the host.
#pragma once

#include <functional>
#include <string>

#include "supervisor/config/devcontainer_config.h"
#include "supervisor/engine/engine.h"
#include "supervisor/workspace/dotfiles.h"
#include "supervisor/workspace/remote_user.h"

namespace fairlead::workspace {

struct LifecycleOptions {
  bool stop_after_wait_for = false;  // --skip-non-blocking-commands
  bool skip_post_attach = false;
  engine::Variables secrets;
  Dotfiles dotfiles;
};

struct LifecycleContext {
  engine::Engine& engine;
  const config::DevcontainerConfig& config;  // merged: the metadata's commands first
  const target::Target& container;
  RemoteUser& user;
  const LifecycleOptions& options;
  const std::function<void(const std::string&)>& say;
};

// onCreateCommand, updateContentCommand, postCreateCommand and the dotfiles once for each
// container, postStartCommand once for each start, postAttachCommand each time. What has run is
// kept in the container, where the reference CLI keeps it. The first failure stops the rest; the
// error names the command.
base::Result<void> run_lifecycle(const LifecycleContext& context);

}  // namespace fairlead::workspace
