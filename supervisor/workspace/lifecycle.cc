#include "supervisor/workspace/lifecycle.h"

#include <string>
#include <vector>

#include "base/printable.h"
#include "supervisor/workspace/command_words.h"

namespace fairlead::workspace {
namespace {

constexpr const char* kDefaultWaitFor = "updateContentCommand";

// One command, or the members of an object side by side.
base::Result<void> run_one(const LifecycleContext& context, const std::string& property,
                           const config::LifecycleCommand& command) {
  std::vector<engine::ExecRequest> requests;
  std::vector<std::string> names;
  for (CommandWords& words : command_words(command)) {
    engine::ExecRequest request = context.user.command(std::move(words.argv));
    request.secrets = context.options.secrets;
    if (!words.name.empty()) request.output_prefix = base::printable("[" + words.name + "] ");
    requests.push_back(std::move(request));
    names.push_back(words.name.empty() ? property : property + "." + words.name);
  }
  if (requests.empty()) return {};
  if (const std::string complaint = context.user.take_complaint(); !complaint.empty()) {
    context.say("fairlead: " + complaint);
  }
  context.say("Running " + property);
  const auto statuses = context.engine.exec(requests);
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    if (!statuses[i]) {
      return base::plain_error(names[i] + ": " + statuses[i].error().message());
    }
    if (*statuses[i] != 0) {
      return base::plain_error(names[i] + " failed with status " + std::to_string(*statuses[i]));
    }
  }
  return {};
}

base::Result<void> run_all(const LifecycleContext& context, const std::string& property) {
  const auto found = context.config.lifecycle.find(property);
  if (found == context.config.lifecycle.end()) return {};
  for (const config::LifecycleCommand& command : found->second) {
    if (auto done = run_one(context, property, command); !done) return done;
  }
  return {};
}

// True if the command is to run: its marker in the container's home names another time. The script
// is ours; the two words it gets come as arguments, never as text of the script.
bool claim(const LifecycleContext& context, const std::string& property, const std::string& stamp) {
  static constexpr const char* kScript =
      "d=\"$HOME/.devcontainer\"; f=\"$d/.$1Marker\"; mkdir -p \"$d\" || exit 3; "
      "if [ -f \"$f\" ]; then c=; read -r c <\"$f\"; "
      "if [ \"${c:-$2}\" = \"$2\" ]; then echo done; exit 0; fi; fi; "
      "printf '%s\\n' \"$2\" >\"$f\" || exit 3; echo run";
  const auto answer = context.engine.exec_output(
      context.user.plain_command({"/bin/sh", "-c", kScript, "sh", property, stamp}));
  // No home, read-only root: then the command runs each time rather than never.
  return !answer || answer->starts_with("run");
}

base::Result<void> run_once(const LifecycleContext& context, const std::string& property,
                            const std::string& stamp) {
  if (!context.config.lifecycle.contains(property)) return {};
  if (!claim(context, property, stamp)) return {};
  return run_all(context, property);
}

}  // namespace

base::Result<void> run_lifecycle(const LifecycleContext& context) {
  const std::string wait_for =
      context.config.wait_for.empty() ? kDefaultWaitFor : context.config.wait_for;
  const auto ends_with = [&](const char* property) {
    return context.options.stop_after_wait_for && wait_for == property;
  };
  if (ends_with("initializeCommand")) return {};
  for (const char* property : {"onCreateCommand", "updateContentCommand", "postCreateCommand"}) {
    auto done = run_once(context, property, context.container.created_at);
    if (!done || ends_with(property)) return done;
  }
  install_dotfiles(context.options.dotfiles, context.engine, context.user, context.options.secrets,
                   context.say);
  auto started = run_once(context, "postStartCommand", context.container.started_at);
  if (!started || ends_with("postStartCommand") || context.options.skip_post_attach) {
    return started;
  }
  return run_all(context, "postAttachCommand");
}

}  // namespace fairlead::workspace
