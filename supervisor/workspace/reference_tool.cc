#include "supervisor/workspace/reference_tool.h"

#include <unistd.h>

#include <cerrno>

#include "base/child_process.h"
#include "base/json_bounds.h"
#include "base/net.h"
#include "base/text_file.h"

namespace fairlead::workspace {
namespace {

using config::Json;

constexpr const char* kTool = "devcontainer";
constexpr std::size_t kOutputLimit = 1U << 20;

std::string string_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string last_line(const std::string& output) {
  const std::size_t end = output.find_last_not_of("\r\n");
  if (end == std::string::npos) return {};
  const std::size_t before = output.rfind('\n', end);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return output.substr(begin, end + 1 - begin);
}

}  // namespace

std::vector<std::string> tool_argv(const ToolRequest& request) {
  std::vector<std::string> argv{kTool, "up", "--workspace-folder", request.folder,
                                "--skip-post-create"};
  const auto add = [&](const char* flag, const std::string& value) {
    if (!value.empty()) argv.insert(argv.end(), {flag, value});
  };
  add("--config", request.config_path);
  add("--override-config", request.override_path);
  for (const std::string& label : request.id_labels) add("--id-label", label);
  for (const std::string& mount : request.mounts) add("--mount", mount);
  add("--docker-path", request.engine_cli);
  add("--docker-compose-path", request.compose_cli);
  add("--update-remote-user-uid-default", request.uid_mode);
  add("--mount-workspace-git-root", request.mount_git_root ? "true" : "false");
  return argv;
}

base::Result<ToolResult> parse_tool_output(const std::string& output) {
  const std::string line = last_line(output);
  const Json result = base::nests_deeper_than(line, base::kMostJsonLevels)
                          ? Json()
                          : Json::parse(line, nullptr, false);
  if (!result.is_object()) {
    return base::plain_error("devcontainer did not say what became of the container");
  }
  ToolResult made{string_at(result, "containerId"), string_at(result, "composeProjectName")};
  if (string_at(result, "outcome") == "success" && !made.container_id.empty()) return made;
  const std::string why = string_at(result, "description");
  return base::plain_error("devcontainer could not make the container: " +
                           (why.empty() ? string_at(result, "message") : why));
}

base::Result<ToolResult> create_by_tool(const ToolRequest& request,
                                        const std::function<void(const std::string&)>& say) {
  auto ends = base::make_pipe();
  if (!ends) return ends.error();
  base::SpawnOptions options;
  options.argv = tool_argv(request);
  options.stdout_fd = ends->second.get();
  options.stderr_fd = STDERR_FILENO;
  say("Handing the configuration to devcontainer, for its features");
  auto child = base::spawn(options);
  if (!child && child.error().code.value() == ENOENT) {
    return base::plain_error(
        "the configuration has \"features\", which need the devcontainer CLI (npm package "
        "@devcontainers/cli) to be installed; or build an image with them and name it as "
        "\"image\"");
  }
  if (!child) return child.error();
  ends->second.reset();
  const auto output = base::read_all(ends->first, kOutputLimit, kTool);
  ends->first.reset();
  child->wait();
  if (!output) return output.error();
  return parse_tool_output(*output);
}

}  // namespace fairlead::workspace
