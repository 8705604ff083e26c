#include "supervisor/workspace/container_arguments.h"

namespace fairlead::workspace {
namespace {

// Keeps the container alive whatever the image's own command is, and lets SIGTERM end it at once.
constexpr const char* kTrap = "trap 'exit 0' TERM INT; echo Container started; ";
constexpr const char* kForever = "while :; do sleep 3600 & wait $!; done";

// Features want a line of theirs run at each start, before the container's own command.
std::string start_script(const std::vector<std::string>& entrypoints, bool has_command) {
  std::string script = kTrap;
  for (const std::string& line : entrypoints) script += "\n" + line + "\n";
  if (has_command) script += "exec \"$@\"\n";
  return script + kForever;
}

}  // namespace

std::vector<std::string> container_arguments(const CreationPlan& plan) {
  const config::DevcontainerConfig& config = plan.config;
  std::vector<std::string> arguments;
  const auto add = [&](const std::string& flag, const std::string& value) {
    arguments.push_back(flag);
    arguments.push_back(value);
  };
  if (plan.publish_app_ports) {
    for (const std::uint16_t port : config.app_ports) {
      const std::string number = std::to_string(port);
      add("--publish", "127.0.0.1:" + number + ":" + number);
    }
  }
  for (const std::string& port : config.published_app_ports) add("--publish", port);
  if (!plan.mount.mount.empty()) add("--mount", plan.mount.mount);
  for (const std::string& mount : config.mounts) add("--mount", mount);
  for (const std::string& mount : plan.mounts) add("--mount", mount);
  for (const auto& [key, value] : plan.labels) add("--label", key + "=" + value);
  for (const auto& [name, value] : config.container_env) add("--env", name + "=" + value);
  if (!config.container_user.empty()) add("--user", config.container_user);
  if (config.init) arguments.emplace_back("--init");
  if (config.privileged) arguments.emplace_back("--privileged");
  for (const std::string& capability : config.cap_add) add("--cap-add", capability);
  for (const std::string& option : config.security_opt) add("--security-opt", option);
  arguments.insert(arguments.end(), config.run_args.begin(), config.run_args.end());

  std::vector<std::string> command;  // the image's own, if it is to run
  if (!config.override_command.value_or(true)) {
    const engine::ImageDescription& image = plan.image.description;
    command = image.entrypoint;
    command.insert(command.end(), image.command.begin(), image.command.end());
    if (config.entrypoints.empty() && !command.empty()) {
      arguments.push_back(plan.image.name);  // needs no shell
      return arguments;
    }
  }
  add("--entrypoint", "/bin/sh");
  arguments.insert(arguments.end(),
                   {plan.image.name, "-c", start_script(config.entrypoints, !command.empty())});
  if (!command.empty()) arguments.emplace_back("-");
  arguments.insert(arguments.end(), command.begin(), command.end());
  return arguments;
}

std::string user_of_run_args(const std::vector<std::string>& run_args) {
  for (std::size_t i = run_args.size(); i-- > 0;) {
    const std::string& word = run_args[i];
    if ((word == "-u" || word == "--user") && i + 1 < run_args.size()) return run_args[i + 1];
    for (const char* flag : {"-u=", "--user="}) {
      if (word.starts_with(flag)) return word.substr(word.find('=') + 1);
    }
  }
  return {};
}

}  // namespace fairlead::workspace
