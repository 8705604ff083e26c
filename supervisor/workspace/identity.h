// How a workspace and its container find each other: labels, as the reference CLI writes and looks
// them up. SPEC.md "Identity".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/config/devcontainer_config.h"
#include "supervisor/engine/engine.h"

namespace fairlead::workspace {

inline constexpr const char* kFolderLabel = "devcontainer.local_folder";
inline constexpr const char* kConfigLabel = "devcontainer.config_file";
inline constexpr const char* kMetadataLabel = "devcontainer.metadata";

struct Identity {
  std::string folder;                  // absolute, as the user wrote it: symlinks stay
  std::string config_file;             // empty if not known
  std::vector<std::string> id_labels;  // "k=v"; replace the labels by folder and file if given

  std::map<std::string, std::string> labels() const;
};

// Whether it carries any label of the reference CLI's.
bool is_dev_container(const target::Target& container);

// Running ones first, then the newest. Nothing if there is none.
std::optional<target::Target> best_of(std::vector<target::Target> containers);

// The workspace's container: by all labels, else by the folder alone if that container names no
// configuration file. The best of several; nothing if there is none.
base::Result<std::optional<target::Target>> find_container(engine::Engine& engine,
                                                           const Identity& identity);

}  // namespace fairlead::workspace
