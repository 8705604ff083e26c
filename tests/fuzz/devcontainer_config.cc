// A whole devcontainer.json: JSONC, variables, every property.
#include "supervisor/config/devcontainer_config.h"

#include "tests/fuzz/require.h"

using namespace fairlead;

FAIRLEAD_FUZZER(devcontainer_config) {
  const auto raw = config::parse_jsonc(fuzz::text_of(data, size), "f");
  if (!raw || !raw->is_object()) return 0;
  config::VariableContext variables;
  variables.local_workspace_folder = "/home/me/project";
  variables.container_workspace_folder = "/workspaces/project";
  variables.devcontainer_id = "0123";
  variables.local_env = [](const std::string& name) {
    return name == "A" ? std::optional<std::string>("a") : std::nullopt;
  };
  const config::ConfigSource source{"f", std::string(fuzz::text_of(data, size)), *raw};
  const auto parsed = config::parse_config(*raw, "f", variables, &source);
  if (!parsed) {
    fuzz::require(parsed.error().message().starts_with("f:"), "an error names the file");
    const char after = parsed.error().message()[2];
    fuzz::require(after >= '1' && after <= '9', "an error names the line");
    fuzz::require(parsed.error().message().size() < 65536 + size, "an error is bounded");
    return 0;
  }
  fuzz::require(!parsed->image.empty() || parsed->build || parsed->compose,
                "there is something to make a container of");
  fuzz::require(parsed->raw == *raw, "the file's own words are kept");
  for (const std::uint16_t port : parsed->app_ports) fuzz::require(port != 0, "a port is a port");
  fuzz::require(parsed->forward_ports.size() <= config::kMaxDeclaredPorts,
                "declared ports are bounded");
  for (const config::DeclaredPort& port : parsed->forward_ports) {
    fuzz::require(port.container_port != 0, "a declared port is a port");
  }
  for (const auto& [name, commands] : parsed->lifecycle) {
    fuzz::require(name.ends_with("Command") && !commands.empty(), "a lifecycle command is one");
  }
  for (const auto& [port, host] : parsed->customizations.host_ports) {
    fuzz::require(port != 0 && host != 0, "a wished port is a port");
  }
  return 0;
}
