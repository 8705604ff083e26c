#include "supervisor/workspace/container_arguments.h"

#include "supervisor/config/metadata.h"
#include "supervisor/workspace/identity.h"

namespace fairlead::workspace {
namespace {

// Keeps the container alive whatever the image's own command is, and lets SIGTERM end it at once.
constexpr const char* kKeepAlive =
    "trap 'exit 0' TERM INT; echo Container started; while :; do sleep 3600 & wait $!; done";

}  // namespace

std::vector<std::string> container_arguments(const config::DevcontainerConfig& config,
                                             const WorkspaceMount& mount,
                                             const std::map<std::string, std::string>& id_labels,
                                             bool publish_app_ports) {
  std::vector<std::string> arguments;
  const auto add = [&](const std::string& flag, const std::string& value) {
    arguments.push_back(flag);
    arguments.push_back(value);
  };
  if (publish_app_ports) {
    for (const std::uint16_t port : config.app_ports) {
      const std::string number = std::to_string(port);
      add("--publish", "127.0.0.1:" + number + ":" + number);
    }
  }
  for (const std::string& port : config.published_app_ports) add("--publish", port);
  if (!mount.mount.empty()) add("--mount", mount.mount);
  for (const std::string& extra : config.mounts) add("--mount", extra);
  for (const auto& [key, value] : id_labels) add("--label", key + "=" + value);
  add("--label", std::string(kMetadataLabel) + "=" +
                     config::metadata_label(config.raw, config.image_metadata));
  for (const auto& [name, value] : config.container_env) add("--env", name + "=" + value);
  if (!config.container_user.empty()) add("--user", config.container_user);
  if (config.init) arguments.push_back("--init");
  if (config.privileged) arguments.push_back("--privileged");
  for (const std::string& capability : config.cap_add) add("--cap-add", capability);
  for (const std::string& option : config.security_opt) add("--security-opt", option);
  arguments.insert(arguments.end(), config.run_args.begin(), config.run_args.end());
  if (!config.override_command.value_or(true)) {
    arguments.push_back(config.image);
    return arguments;
  }
  add("--entrypoint", "/bin/sh");
  arguments.insert(arguments.end(), {config.image, "-c", kKeepAlive});
  return arguments;
}

}  // namespace fairlead::workspace
