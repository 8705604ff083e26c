#include "supervisor/workspace/forwarding_rules.h"

namespace fairlead::workspace {

daemon::ForwardingRules forwarding_rules(const daemon::ForwardingRules& by_flags,
                                         std::optional<std::size_t> max_by_flag,
                                         const config::DevcontainerConfig& config,
                                         const config::Customizations& own) {
  daemon::ForwardingRules rules = by_flags;
  if (config.compose) rules.own_service = config.compose->service;
  rules.declared.clear();
  config::merge_declared(rules.declared, by_flags.declared, rules.own_service);
  config::merge_declared(rules.declared, config.forward_ports, rules.own_service);
  for (const std::uint16_t port : config.app_ports) {
    config::merge_declared(rules.declared, {{port, "", 0}});
  }
  rules.attributes = config.attributes;
  rules.host_ports = own.host_ports;
  rules.nat = own.nat_proxy;
  if (max_by_flag) {
    rules.max_auto_forwards = *max_by_flag;
  } else if (own.max_auto_forwards) {
    rules.max_auto_forwards = *own.max_auto_forwards;
  }
  return rules;
}

}  // namespace fairlead::workspace
