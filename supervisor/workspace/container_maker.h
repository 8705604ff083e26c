// The seam between `up` and the ways to make a container: from an image or a Dockerfile
// (image_maker.h), or as a service of a Compose project. One object for one `up` of one workspace.
// SPEC.md "Creation". Calls block; progress goes to stderr.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/config/devcontainer_config.h"
#include "supervisor/engine/engine.h"
#include "supervisor/workspace/mount.h"

namespace fairlead::workspace {

// What a container will be made from, as far as it is known before the metadata are merged.
struct PreparedImage {
  std::string name;  // as the engine takes it
  engine::ImageDescription description;
  // The user that whoever makes the container sets beside the metadata's `containerUser`: of
  // `runArgs`, or of a Compose service. Empty = none.
  std::string run_user;
};

// Everything that is decided before a container is made.
struct CreationPlan {
  const config::DevcontainerConfig& config;   // with the image's metadata merged in
  std::map<std::string, std::string> labels;  // identity and metadata
  PreparedImage image;  // its name may be one adapted to the user's uid, made from the prepared one
  WorkspaceMount mount;
  std::vector<std::string> mounts;  // of the command line, as --mount takes them
  bool publish_app_ports = true;    // false: a supervisor forwards the numeric ones
};

class ContainerMaker {
 public:
  virtual ~ContainerMaker() = default;

  // The workspace's container, running or not, if there is one.
  virtual base::Result<std::optional<target::Target>> find() = 0;
  // Starts what exists: the container if it does not run, and whatever else belongs to it.
  virtual base::Result<void> resume(const target::Target& container) = 0;
  // Deletes it. Its supervisor has been ended before.
  virtual base::Result<void> remove(const target::Target& container) = 0;
  // Builds or pulls. Called before create(), once.
  virtual base::Result<PreparedImage> prepare_image() = 0;
  // Makes and starts the container. Its id.
  virtual base::Result<std::string> create(const CreationPlan& plan) = 0;
  // What its own files wish of relay `nat`, by service, and what in them is ours and not known.
  virtual std::map<std::string, config::NatWish> nat_wishes() const { return {}; }
  virtual std::vector<std::string> warnings() const { return {}; }
  // For the result line; empty = none.
  virtual std::string compose_project() const { return {}; }
};

}  // namespace fairlead::workspace
