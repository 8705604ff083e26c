// `exec`: a command in the container that `up` would find, as its remote user. SPEC.md "exec".
// Blocks: asks the engine, and the user's shell in the container.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/engine/engine.h"
#include "supervisor/workspace/configuration.h"
#include "supervisor/workspace/remote_user.h"

namespace fairlead::workspace {

struct ExecQuery {
  ConfigurationRequest configuration;
  bool folder_is_given = false;  // else `configuration.folder` is the current directory
  std::string container_id;      // id, unique prefix or name; empty = the workspace's
  RemoteOptions remote;
  std::vector<std::string> command;
};

// What is to be handed to the engine. An error if there is no such container, or it does not run.
base::Result<engine::ExecRequest> resolve_exec(engine::Engine& engine, const ExecQuery& query,
                                               const std::function<void(const std::string&)>& say);

}  // namespace fairlead::workspace
