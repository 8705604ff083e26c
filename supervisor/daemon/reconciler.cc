#include "supervisor/daemon/reconciler.h"

namespace fairlead::daemon {

Plan plan(const Wish& wish, const std::map<std::uint16_t, ActiveForward>& active) {
  Plan result;
  std::map<std::uint16_t, const DesiredPort*> wanted;
  for (const DesiredPort& port : wish.ports) {
    if (port.forwarded()) wanted[port.container_port] = &port;
  }
  for (const auto& [port, forward] : active) {
    const auto found = wanted.find(port);
    if (found == wanted.end() || found->second->wished_host != forward.wished_host) {
      result.stop.push_back(port);
    } else if (!found->second->undecided && (found->second->relay != forward.relay ||
                                             found->second->targets != forward.targets)) {
      result.reroute.push_back(*found->second);
    }
  }
  for (const auto& [port, desired] : wanted) {
    const auto found = active.find(port);
    if (desired->undecided) continue;
    if (found == active.end() || found->second.wished_host != desired->wished_host) {
      result.start.push_back(*desired);
    }
  }
  return result;
}

}  // namespace fairlead::daemon
