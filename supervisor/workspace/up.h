// `up`: the workspace's container found or created, its lifecycle run, its supervisor started.
// SPEC.md "up". Blocks.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/daemon/supervisor_config.h"
#include "supervisor/engine/engine.h"

namespace fairlead::workspace {

struct UpRequest {
  std::string folder;       // absolute
  std::string config_path;  // absolute; empty = look for it
  std::vector<std::string> id_labels;
  daemon::ForwardingRules rules;  // by flags; the configuration adds its own
  std::string user_data_folder;
  std::string log_level;
  std::string log_format;
  bool auto_forward = false;
  bool strict_forwarding = false;
  bool remove_existing = false;
  bool expect_existing = false;
  bool skip_lifecycle = false;
  bool mount_git_root = true;
};

struct UpResult {
  std::string container_id;
  std::string remote_user;
  std::string remote_workspace_folder;
};

// `say` gets the lines that people are to read. Forwarding trouble is said, and is an error only if
// the request is strict.
base::Result<UpResult> up(engine::Engine& engine, const UpRequest& request,
                          const std::function<void(const std::string&)>& say);

}  // namespace fairlead::workspace
