// Where the workspace's folder lies in the container. SPEC.md "Workspace mount".
#pragma once

#include <string>

namespace fairlead::workspace {

struct WorkspaceMount {
  std::string mount;   // as --mount takes it; empty = none
  std::string folder;  // of the workspace, in the container
};

// The default: the git repository's root (or the folder itself if it is in none, or if
// `git_root` is false), below /workspaces.
WorkspaceMount default_mount(const std::string& folder, bool git_root);

}  // namespace fairlead::workspace
