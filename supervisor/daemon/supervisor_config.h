// What a supervisor is told when it starts, and again when a later `up` changes its mind. Values
// and their JSON; pure. SPEC.md "Supervisor".
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "supervisor/config/nat_wish.h"
#include "supervisor/config/port_spec.h"
#include "supervisor/config/ports_attributes.h"
#include "supervisor/daemon/relay_kind.h"

namespace fairlead::daemon {

// The part that can change while it runs.
struct ForwardingRules {
  std::vector<config::DeclaredPort> declared;
  config::PortsAttributes attributes;
  std::map<std::uint16_t, std::uint16_t> host_ports;  // container port -> the host port wished for
  std::size_t max_auto_forwards = 64;
  std::optional<RelayKind> relay;   // asked for; nothing = the best there is
  std::set<std::uint16_t> removed;  // by `ports rm`: not forwarded although they could be
  std::string config_file;          // where the attributes are from; may be empty
  // What this container is called in its Compose project, if it is not the workspace's main one.
  std::string service;
  // What the main one is called there: "app:3000" is its own port 3000. Empty = nothing.
  std::string own_service;
  // Whether the kernel alone is to carry connections: natProxy, or nat-proxy of a Compose service.
  config::NatWish nat;
  // Whether the agent may run in a container beside this one, if this one has no directory for it.
  bool sidecar = false;
  // The program that opens a URL and its first arguments, as `up` found it; empty = none.
  std::vector<std::string> browser;
};

struct SupervisorConfig {
  std::string state_path;
  std::string engine_endpoint;  // Docker's API socket, or "native:…"
  std::string engine_cli;       // the program behind the engine's exec; empty = it has none
  std::string container_id;     // full
  std::string container_name;
  std::string workspace;  // folder, or "container:<id>"
  std::string log_level = "info";
  std::string log_format = "text";
  ForwardingRules rules;
};

config::Json to_json(const ForwardingRules& rules);
base::Result<ForwardingRules> rules_from_json(const config::Json& document);
// Carries out a request "configure" (all of the rules, or more of them), "add" or "remove" (single
// ports). On an error nothing has changed.
base::Result<void> change_rules(ForwardingRules& rules, const std::string& op,
                                const config::Json& request);
config::Json to_json(const SupervisorConfig& config);
base::Result<SupervisorConfig> config_from_json(const config::Json& document);
base::Result<SupervisorConfig> parse_supervisor_config(std::string_view text);

}  // namespace fairlead::daemon
