// From a configuration to a container that exists: image prepared, metadata merged, the user's ids
// adapted, container made. SPEC.md "Creation". Blocks; progress goes to stderr.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/workspace/configuration.h"
#include "supervisor/workspace/container_maker.h"

namespace fairlead::workspace {

struct CreationOptions {
  std::string uid_mode = "on";      // of --update-remote-user-uid-default
  std::vector<std::string> mounts;  // as --mount takes them
  bool publish_app_ports = true;
  std::string agent_directory = {};  // on this host, to be mounted for the agent; empty = none
};

// Returns the id. The image's metadata have been merged into `configuration` then.
base::Result<std::string> create_container(engine::Engine& engine, ContainerMaker& maker,
                                           Configuration& configuration,
                                           const CreationOptions& options,
                                           const std::function<void(const std::string&)>& say);

// The same for a container that exists: what it inherited comes under the file's words.
base::Result<void> merge_metadata_of(engine::Engine& engine, const target::Target& container,
                                     Configuration& configuration);

// What the configuration wants of this machine, and of the engine, and does not get, in words.
std::vector<std::string> missing_on_this_machine(engine::Engine& engine,
                                                 const Configuration& configuration);

}  // namespace fairlead::workspace
