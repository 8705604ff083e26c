// How forwards are shown: the JSON of `ports --json`, and the lines that `up` prints. Pure.
// SPEC.md "ports --json" and "Lines".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "registry/registry_file.h"
#include "relay/relay.h"
#include "supervisor/config/jsonc.h"
#include "supervisor/daemon/policy.h"

namespace fairlead::daemon {

struct ForwardView {
  DesiredPort port;
  // Only while forwarded:
  std::uint16_t host_port = 0;
  bool has_v6 = false;
  std::string v6_missing;
  registry::Remap remap = registry::Remap::kNone;
  relay::RelayStats stats;
  base::WallTime since{};
  std::uint64_t by_kernel = 0;  // connections since the kernel serves it by itself
};

struct ContainerView {
  std::string container_id;
  std::string container_name;
  std::string engine;
  std::string workspace;
  bool paused = false;
  std::string service = {};  // its name in a Compose project, if it is not the main one
};

// Of a forward that is active and speaks HTTP.
std::optional<std::string> url_of(const ForwardView& forward);

// Its "state", "relay" (empty = none) and "reason".
std::string state_of(const ContainerView& container, const ForwardView& forward);
std::string relay_of(const ForwardView& forward);
std::string reason_of(const ContainerView& container, const ForwardView& forward);

config::Json to_json(const ContainerView& container, const ForwardView& forward);

// "Forwarding container 3000 -> http://localhost:3000 (web)", from what to_json() made; nothing for
// ports that are to be silent.
std::optional<std::string> announcement(const config::Json& forward);

// The object behind "PORT_EVENT: ", as VS Code's tools and the reference know a port. From what
// to_json() made; `withdrawn`: it is no longer forwarded.
config::Json port_event(const config::Json& forward, bool withdrawn = false);

// Whether a declared port is not to be had on the host, by fairlead or by the engine.
bool is_missing(const config::Json& forward);

}  // namespace fairlead::daemon
