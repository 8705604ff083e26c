// `up`: the workspace's container found or created, its lifecycle run, its supervisor started.
// SPEC.md "up". Blocks.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/config/jsonc.h"
#include "supervisor/engine/engine.h"
#include "supervisor/workspace/configuration.h"
#include "supervisor/workspace/creation.h"
#include "supervisor/workspace/forwarding.h"
#include "supervisor/workspace/lifecycle.h"
#include "supervisor/workspace/remote_user.h"

namespace fairlead::workspace {

struct UpRequest {
  ConfigurationRequest configuration;
  CreationOptions creation;
  RemoteOptions remote;
  LifecycleOptions lifecycle;  // without the secrets, which are in a file:
  std::string secrets_file;    // empty = none
  ForwardingRequest forwarding;
  std::vector<std::string> mount_flags;  // as the command line has them
  std::string compose_path;              // --docker-compose-path; empty = look for it
  bool auto_forward = false;
  bool remove_existing = false;
  bool expect_existing = false;
  bool skip_lifecycle = false;
};

struct UpResult {
  std::string container_id;
  std::string compose_project;  // empty = none
  std::string remote_user;
  std::string remote_workspace_folder;
  config::Json configuration;
  config::Json merged_configuration;
};

// `say` gets the lines that people are to read. Forwarding trouble is said, and is an error only if
// the request is strict.
base::Result<UpResult> up(engine::Engine& engine, const UpRequest& request,
                          const std::function<void(const std::string&)>& say);

}  // namespace fairlead::workspace
