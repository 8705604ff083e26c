#include "supervisor/daemon/reconciler.h"

namespace fairlead::daemon {
namespace {

// Whether what was asked of the registry for this forward is no longer what is wished.
bool must_move(const DesiredPort& wanted, const ActiveForward& active) {
  if (wanted.wished_host != active.wished_host) return true;
  const std::uint16_t number = wanted.wished_host != 0 ? wanted.wished_host : wanted.container_port;
  // What is wished by name may be privileged anyway.
  const bool asked_the_same =
      wanted.needs_wished_number() == active.needs_wished_number &&
      (wanted.wished_host != 0 || wanted.may_be_privileged() == active.may_be_privileged);
  return !asked_the_same && active.host_port != number;
}

bool goes_elsewhere(const DesiredPort& wanted, const ActiveForward& active) {
  return wanted.relay != active.relay || wanted.listener_relay != active.listener_relay ||
         wanted.targets != active.targets || wanted.kernel_target != active.kernel_target;
}

}  // namespace

Plan plan(const Wish& wish, const std::map<PortKey, ActiveForward>& active) {
  Plan result;
  std::map<PortKey, const DesiredPort*> wanted;
  for (const DesiredPort& port : wish.ports) {
    if (port.forwarded()) wanted[port.key()] = &port;
  }
  for (const auto& [key, forward] : active) {
    const auto found = wanted.find(key);
    if (found == wanted.end()) {
      result.stop.push_back(key);
    } else if (found->second->undecided) {
      continue;
    } else if (must_move(*found->second, forward)) {
      result.stop.push_back(key);
    } else if (goes_elsewhere(*found->second, forward)) {
      result.reroute.push_back(*found->second);
    }
  }
  for (const auto& [key, desired] : wanted) {
    const auto found = active.find(key);
    if (desired->undecided) continue;
    if (found == active.end() || must_move(*desired, found->second)) {
      result.start.push_back(*desired);
    }
  }
  return result;
}

}  // namespace fairlead::daemon
