#include "supervisor/cli/forwarding.h"

#include "supervisor/cli/console.h"
#include "supervisor/config/port_spec.h"

namespace fairlead::cli {

std::optional<daemon::ForwardingRules> forwarding_rules(const ForwardingOptions& options) {
  daemon::ForwardingRules rules;
  for (const std::string& word : options.ports) {
    const auto ports = config::parse_port_spec(word);
    if (!ports) {
      warn(ports.error().message());
      return std::nullopt;
    }
    config::merge_declared(rules.declared, *ports);
    if (rules.declared.size() > config::kMaxDeclaredPorts) {
      warn("port \"" + word + "\": more than " + std::to_string(config::kMaxDeclaredPorts) +
           " ports are declared");
      return std::nullopt;
    }
  }
  if (options.max_auto_forwards) rules.max_auto_forwards = *options.max_auto_forwards;
  rules.relay = daemon::relay_kind(options.relay);
  rules.sidecar = options.sidecar;
  return rules;
}

}  // namespace fairlead::cli
