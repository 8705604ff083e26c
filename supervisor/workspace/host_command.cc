#include "supervisor/workspace/host_command.h"

#include <unistd.h>

#include <vector>

#include "base/child_process.h"
#include "supervisor/workspace/command_words.h"

namespace fairlead::workspace {
namespace {

constexpr const char* kProperty = "initializeCommand";

base::Result<void> run_side_by_side(const std::vector<CommandWords>& commands,
                                    const std::string& folder) {
  std::vector<base::Result<base::ChildProcess>> children;
  for (const CommandWords& command : commands) {
    base::SpawnOptions options;
    options.argv = command.argv;
    options.working_directory = folder;
    // Several would steal each other's input.
    options.stdin_fd = commands.size() == 1 ? STDIN_FILENO : -1;
    options.stdout_fd = STDERR_FILENO;  // stdout is the result's
    options.stderr_fd = STDERR_FILENO;
    children.push_back(base::spawn(options));
  }
  base::Result<void> outcome;
  for (std::size_t i = 0; i < children.size(); ++i) {
    const std::string& member = commands[i].name;
    const std::string name = member.empty() ? kProperty : kProperty + ("." + member);
    if (!children[i]) {
      if (outcome) outcome = base::plain_error(name + ": " + children[i].error().message());
      continue;
    }
    const int status = children[i]->wait();
    if (status != 0 && outcome) {
      outcome = base::plain_error(name + " failed with status " + std::to_string(status));
    }
  }
  return outcome;
}

}  // namespace

base::Result<void> run_initialize_command(const config::DevcontainerConfig& config,
                                          const std::string& folder,
                                          const std::function<void(const std::string&)>& say) {
  const auto found = config.lifecycle.find(kProperty);
  if (found == config.lifecycle.end()) return {};
  for (const config::LifecycleCommand& command : found->second) {
    const auto commands = command_words(command);
    if (commands.empty()) continue;
    say("Running initializeCommand on the host");
    if (auto done = run_side_by_side(commands, folder); !done) return done;
  }
  return {};
}

}  // namespace fairlead::workspace
