#include "supervisor/workspace/lifecycle.h"

#include <cstdio>
#include <string>

namespace fairlead::workspace {
namespace {

using config::Command;

engine::ExecRequest exec_request(const LifecycleContext& context, std::vector<std::string> argv) {
  engine::ExecRequest request;
  request.container_id = context.container.id;
  request.user = context.user;
  request.working_directory = context.folder;
  for (const auto& [name, value] : context.config.remote_env) {
    const bool known = value && value->find("${containerEnv:") == std::string::npos;
    if (known) request.environment.emplace_back(name, *value);
  }
  request.argv = std::move(argv);
  return request;
}

std::vector<std::string> argv_of(const Command& command) {
  if (const auto* shell_line = std::get_if<std::string>(&command)) {
    return {"/bin/sh", "-c", *shell_line};
  }
  return std::get<std::vector<std::string>>(command);
}

base::Result<void> run_command(const LifecycleContext& context, const std::string& name,
                               const config::LifecycleCommand& lifecycle_command) {
  std::vector<engine::ExecRequest> requests;
  std::vector<std::string> names;
  for (const auto& [part, command] : lifecycle_command.parts) {
    std::vector<std::string> argv = argv_of(command);
    const auto* shell_line = std::get_if<std::string>(&command);
    if (argv.empty() || (shell_line != nullptr && shell_line->empty())) continue;
    requests.push_back(exec_request(context, std::move(argv)));
    names.push_back(part.empty() ? name : name + "." + part);
  }
  if (requests.empty()) return {};
  std::fprintf(stderr, "Running %s from devcontainer.json\n", name.c_str());
  const auto statuses = context.engine.exec(requests);
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    if (!statuses[i]) return statuses[i].error();
    if (*statuses[i] != 0) {
      return base::plain_error(names[i] + " failed with status " + std::to_string(*statuses[i]));
    }
  }
  return {};
}

base::Result<void> run_command(const LifecycleContext& context, const std::string& name) {
  const auto found = context.config.lifecycle.find(name);
  if (found == context.config.lifecycle.end()) return {};
  for (const config::LifecycleCommand& command : found->second) {
    if (auto done = run_command(context, name, command); !done) return done;
  }
  return {};
}

// True if the command is to run: its marker in the container's home names another time. The script
// is ours; the two words it gets come as arguments, never as text of the script.
base::Result<bool> claim(const LifecycleContext& context, const std::string& name,
                         const std::string& stamp) {
  static constexpr const char* kScript =
      "d=\"$HOME/.devcontainer\"; f=\"$d/.$1Marker\"; mkdir -p \"$d\" || exit 3; "
      "if [ -f \"$f\" ]; then read -r c <\"$f\"; [ \"$c\" = \"$2\" ] && { echo done; exit 0; }; "
      "fi; printf '%s\\n' \"$2\" >\"$f\" || exit 3; echo run";
  engine::ExecRequest request =
      exec_request(context, {"/bin/sh", "-c", kScript, "sh", name, stamp});
  request.working_directory.clear();
  const auto answer = context.engine.exec_output(request);
  // No home, read-only root: then the command runs each time rather than never.
  return !answer || answer->starts_with("run");
}

base::Result<void> run_once(const LifecycleContext& context, const std::string& name,
                            const std::string& stamp) {
  if (!context.config.lifecycle.contains(name)) return {};
  const auto wanted = claim(context, name, stamp);
  if (!wanted) return wanted.error();
  if (!*wanted) return {};
  return run_command(context, name);
}

}  // namespace

base::Result<void> run_create_commands(const LifecycleContext& context) {
  for (const char* name : {"onCreateCommand", "updateContentCommand", "postCreateCommand"}) {
    if (auto done = run_once(context, name, context.container.created_at); !done) return done;
  }
  return {};
}

base::Result<void> run_start_commands(const LifecycleContext& context) {
  if (auto done = run_once(context, "postStartCommand", context.container.started_at); !done) {
    return done;
  }
  return run_command(context, "postAttachCommand");
}

}  // namespace fairlead::workspace
