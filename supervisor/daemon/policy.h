// Which ports are to be forwarded, to where, and why not the others. Pure: a settled picture and
// the rules in, the complete wish out. SPEC.md "Policy".
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "detect/listener.h"
#include "detect/owner_process.h"
#include "supervisor/daemon/port_key.h"
#include "supervisor/daemon/relay_kind.h"
#include "supervisor/daemon/supervisor_config.h"
#include "target/target.h"

namespace fairlead::daemon {

// Where another host is, as the container sees it.
struct ServiceAddress {
  bool known = false;                      // looked up at least once
  std::vector<base::IpAddress> addresses;  // IPv6 first
  std::string problem;                     // why there are none

  bool operator==(const ServiceAddress&) const = default;
};

struct PolicyInput {
  std::vector<detect::Listener> listeners;
  std::vector<target::PublishedPort> published;
  std::set<PortKey> forwarded_now;  // keep their places under the cap
  std::string declared_only;        // not empty: why undeclared ports are none of ours
  // The process behind a listening socket; nothing: not looked up yet.
  std::function<std::optional<detect::OwnerProcess>(std::uint64_t inode)> owner_of = {};
  std::map<std::string, ServiceAddress> services = {};
};

// Why a port is not forwarded, for programs; DesiredPort::reason says it in words.
enum class Refusal : std::uint8_t {
  kNone,
  kPublished,      // by the engine
  kIgnored,        // onAutoForward
  kSharedNetwork,  // another supervisor's
  kOverCap,
  kRemoved,  // by `ports rm`
  kNoRelay,  // no way into the container
  kNoHostPort,
};

struct DesiredPort {
  std::uint16_t container_port = 0;
  std::string service;
  bool declared = false;
  bool listening = false;
  Refusal refusal = Refusal::kNone;
  std::string reason;
  std::uint16_t wished_host = 0;
  config::PortAttributes attributes;
  std::map<std::string, std::string> attribute_keys;  // attribute -> the key it came from
  detect::OwnerProcess process;                       // who listens; pid 0 = not known
  base::IpAddress address;                  // bound by the listener; 127.0.0.1 if there is none
  std::uint64_t inode = 0;                  // of the listening socket; 0 = none or not known
  std::vector<detect::Listener> listeners;  // everybody who listens on it
  std::vector<base::Endpoint> targets;      // where to dial, in this order

  std::optional<bool> nat_wish = {};  // by the kernel alone; nothing: where it can be

  // Filled in by the relay's selection (relay_selector.h):
  std::optional<RelayKind> relay;
  // By what the connections go that come to our listener: another than `relay` beside the kernel.
  std::optional<RelayKind> listener_relay;
  std::optional<base::Endpoint> kernel_target;  // where the kernel sends them by itself
  std::string relay_reason;
  // Something is being found out (a trial, a process, an address); what is active stays as it is.
  bool undecided = false;
  bool not_as_forced = false;  // another kind was asked for and is not possible
  // The kernel alone was wished for, and why that is not so, or what it is not said to be.
  std::string nat_warning;

  PortKey key() const { return {container_port, service}; }
  bool forwarded() const { return refusal == Refusal::kNone; }
  // The same number or none at all.
  bool needs_wished_number() const { return attributes.require_local_port.value_or(false); }
  bool may_be_privileged() const {
    return wished_host != 0 || attributes.elevate_if_needed.value_or(false);
  }
  void refuse(Refusal why, std::string words) {
    refusal = why;
    reason = std::move(words);
  }
};

struct Wish {
  std::vector<DesiredPort> ports;  // sorted by their keys
  std::size_t over_the_cap = 0;
};

Wish decide(const ForwardingRules& rules, const PolicyInput& input);

// The other hosts whose ports are declared.
std::set<std::string> declared_services(const ForwardingRules& rules);

// Where connections for a port are dialled, given who listens on it. Nobody: both loopbacks.
std::vector<base::Endpoint> dial_targets(std::uint16_t port,
                                         const std::vector<detect::Listener>& listeners);

}  // namespace fairlead::daemon
