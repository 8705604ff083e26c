// From what is wished and what is active to what is to be done. Pure. SPEC.md "Supervisor".
#pragma once

#include <map>
#include <vector>

#include "supervisor/daemon/policy.h"

namespace fairlead::daemon {

// What matters of an active forward here.
struct ActiveForward {
  std::uint16_t wished_host = 0;
  std::vector<base::Endpoint> targets;
  std::optional<RelayKind> relay = std::nullopt;
  std::uint16_t host_port = 0;  // 0 = being allocated
  bool needs_wished_number = false;
  bool may_be_privileged = false;
  std::optional<RelayKind> listener_relay = std::nullopt;
  std::optional<base::Endpoint> kernel_target = std::nullopt;
};

struct Plan {
  std::vector<PortKey> stop;
  std::vector<DesiredPort> start;
  std::vector<DesiredPort> reroute;  // another relay, or other targets
};

// A forward that is to have another host port than it has is stopped and started. One whose relay
// is undecided stays as it is, or waits to be started.
Plan plan(const Wish& wish, const std::map<PortKey, ActiveForward>& active);

}  // namespace fairlead::daemon
