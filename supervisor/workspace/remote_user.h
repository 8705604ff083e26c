// Who runs commands in a workspace's container, where, and in which environment. SPEC.md
// "Environment". Blocks on the first question, for 10 s at most.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/config/devcontainer_config.h"
#include "supervisor/engine/engine.h"
#include "supervisor/workspace/environment_probe.h"

namespace fairlead::workspace {

struct RemoteOptions {
  std::string default_probe = kDefaultProbe;
  engine::Variables environment;  // of --remote-env
};

class RemoteUser {
 public:
  // `folder`: where commands run; empty = in the user's home. `config` is merged with the
  // container's metadata and outlives this.
  RemoteUser(engine::Engine& engine, const config::DevcontainerConfig& config,
             const target::Target& container, std::string folder, RemoteOptions options);

  // For the result line: "root" for uid 0, without a group.
  std::string name() const;
  // A command in the user's full environment. The shell is asked once, at the first call.
  engine::ExecRequest command(std::vector<std::string> argv);
  // One in the container's own environment, in no particular folder: for questions of ours.
  engine::ExecRequest plain_command(std::vector<std::string> argv) const;
  // What went wrong in asking the shell, told once; empty if nothing did.
  std::string take_complaint() { return std::exchange(complaint_, {}); }

 private:
  void ask();
  void set(const std::string& name, const std::string& value);

  engine::Engine& engine_;
  const config::DevcontainerConfig& config_;
  std::string container_id_;
  std::vector<std::string> container_environment_;
  std::string user_;  // as exec takes it
  std::string folder_;
  RemoteOptions options_;
  bool asked_ = false;
  std::string home_;
  engine::Variables environment_;
  std::vector<std::string> unset_;
  std::string complaint_;
};

// "NAME=value" words, in a map's manner; words without '=' do not count.
std::optional<std::string> variable_in(const std::vector<std::string>& words,
                                       const std::string& name);

}  // namespace fairlead::workspace
