// A workspace's configuration, from the file's words to what they mean for one container: it is
// loaded, then merged with metadata, then completed with the container's environment. SPEC.md
// "Configuration". Loading blocks on the disk; the rest is pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/config/config_file.h"
#include "supervisor/config/devcontainer_config.h"
#include "supervisor/config/variables.h"
#include "supervisor/workspace/identity.h"
#include "supervisor/workspace/mount.h"

namespace fairlead::workspace {

struct ConfigurationRequest {
  std::string folder;         // absolute
  std::string config_path;    // absolute; empty = look for it
  std::string override_path;  // absolute; its text replaces the file's. Empty = none
  std::vector<std::string> id_labels;
  bool mount_git_root = true;
};

class Configuration {
 public:
  static base::Result<Configuration> load(const ConfigurationRequest& request);
  // Of a container whose file is out of reach: nothing but what its metadata say. `folder` may be
  // empty.
  static Configuration without_file(const std::string& folder, const target::Target& container);

  const Identity& identity() const { return identity_; }
  const WorkspaceMount& mount() const { return mount_; }
  const config::DevcontainerConfig& config() const { return config_; }
  bool has_file() const { return has_file_; }
  // The file's words, before substitution and merge: what goes into the container's metadata.
  const config::Json& words() const { return source_.json; }

  // The container carries no label of a file: the folder alone is its identity.
  base::Result<void> identify_by_folder();
  // These entries come under the file's words.
  base::Result<void> merge(std::vector<config::Json> entries);
  // "NAME=value" of the container, for ${containerEnv:…}.
  base::Result<void> complete(const std::vector<std::string>& container_environment);

  // As the reference CLI prints them: with variables filled in as far as known, and the file's
  // path.
  config::Json shown() const;
  config::Json shown_merged() const;
  // Each is returned once.
  std::vector<std::string> new_warnings();

 private:
  base::Result<void> parse();

  Identity identity_;
  config::ConfigSource source_;
  bool has_file_ = true;
  bool file_is_given_ = false;
  bool merged_ = false;
  std::vector<config::Json> entries_;
  config::VariableContext variables_;
  WorkspaceMount mount_;
  config::DevcontainerConfig config_;
  std::vector<std::string> warned_;
};

}  // namespace fairlead::workspace
