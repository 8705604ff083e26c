// `features`: building them is the work of the reference CLI (`devcontainer`), which is asked to
// make the container where it is installed. SPEC.md "Creation". Blocks; its output goes to stderr.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/config/jsonc.h"

namespace fairlead::workspace {

// Flags of ours that mean the same there.
struct ToolRequest {
  std::string folder;
  std::string config_path;
  std::string override_path;
  std::vector<std::string> id_labels;
  std::vector<std::string> mounts;  // as our command line takes them
  std::string engine_cli;
  std::string compose_cli;  // empty = its default
  std::string uid_mode;
  bool mount_git_root = true;
};

struct ToolResult {
  std::string container_id;
  std::string compose_project;
};

// Pure. It makes and starts the container, and runs initializeCommand; every other lifecycle
// command is left to us.
std::vector<std::string> tool_argv(const ToolRequest& request);
// Pure. The last line of what it prints; its own words if it failed.
base::Result<ToolResult> parse_tool_output(const std::string& output);

base::Result<ToolResult> create_by_tool(const ToolRequest& request,
                                        const std::function<void(const std::string&)>& say);

}  // namespace fairlead::workspace
