#include "supervisor/daemon/policy.h"

#include <algorithm>
#include <map>

namespace fairlead::daemon {
namespace {

using base::Endpoint;
using base::IpAddress;
using detect::Listener;

// Docker's embedded name server; no engine binds anything else there.
const IpAddress kEmbeddedDns = IpAddress::v4(0x7f00000b);

bool is_link_local(const IpAddress& address) {
  return address.family() == base::Family::kIpv6 && address.bytes()[0] == 0xfe &&
         (address.bytes()[1] & 0xc0) == 0x80;
}

// A link-local address cannot be dialled without naming an interface.
bool is_eligible(const Listener& listener) {
  return listener.endpoint.address != kEmbeddedDns && !is_link_local(listener.endpoint.address);
}

// The cheapest sure way to a listener comes first: IPv4's loopback, then the rest of 127/8, then
// IPv6's, then other addresses.
int rank(const Listener& listener) {
  const IpAddress& address = listener.endpoint.address;
  if (address == IpAddress::loopback4()) return 0;
  if (address == IpAddress::any4()) return 1;
  if (address == IpAddress::any6()) return listener.v6_only ? 4 : 2;
  if (address == IpAddress::loopback6()) return 3;
  return address.is_loopback() ? 5 : 6;
}

std::string published_reason(const std::vector<target::PublishedPort>& published,
                             std::uint16_t port) {
  for (const target::PublishedPort& entry : published) {
    if (entry.container_port == port) {
      return "published by the engine on " + entry.host.to_string();
    }
  }
  return {};
}

bool is_ignored(const DesiredPort& port) {
  return port.attributes.on_auto_forward == config::OnAutoForward::kIgnore;
}

class Decision {
 public:
  Decision(const ForwardingRules& rules, const PolicyInput& input) : rules_(rules), input_(input) {
    for (const Listener& listener : input.listeners) {
      if (is_eligible(listener)) by_port_[listener.endpoint.port].push_back(listener);
    }
  }

  Wish make() {
    for (const config::DeclaredPort& port : rules_.declared) add_declared(port);
    for (const auto& [port, listeners] : by_port_) {
      if (!declared_.contains(port)) add_undeclared(port, listeners);
    }
    apply_cap();
    std::sort(wish_.ports.begin(), wish_.ports.end(),
              [](const auto& a, const auto& b) { return a.key() < b.key(); });
    return std::move(wish_);
  }

 private:
  void add_declared(const config::DeclaredPort& declared) {
    if (!declared.service.empty() && declared.service != rules_.service) {
      return add_other_host(declared);
    }
    declared_.insert(declared.container_port);
    const auto listeners = by_port_.find(declared.container_port);
    DesiredPort port =
        describe(declared.container_port,
                 listeners != by_port_.end() ? listeners->second : std::vector<Listener>());
    port.declared = true;
    if (declared.wished_host != 0) port.wished_host = declared.wished_host;
    const std::string published = published_reason(input_.published, declared.container_port);
    if (!published.empty()) port.refuse(Refusal::kPublished, published);
    wish_.ports.push_back(std::move(port));
  }

  // A port of another host: whether somebody listens there cannot be seen, only where it is.
  void add_other_host(const config::DeclaredPort& declared) {
    DesiredPort port;
    port.container_port = declared.container_port;
    port.service = declared.service;
    port.declared = true;
    port.wished_host = declared.wished_host;
    attribute(port, declared.service);
    const auto found = input_.services.find(declared.service);
    if (found == input_.services.end() || !found->second.known) {
      port.undecided = true;
    } else if (found->second.addresses.empty()) {
      port.reason = "declared; " + found->second.problem;
    } else {
      port.listening = true;
      port.address = found->second.addresses.front();
      for (const IpAddress& address : found->second.addresses) {
        port.targets.push_back({address, port.container_port});
      }
      port.reason = "declared; " + declared.service + " is " + port.address.to_string();
    }
    wish_.ports.push_back(std::move(port));
  }

  DesiredPort describe(std::uint16_t number, std::vector<Listener> listeners) const {
    std::stable_sort(listeners.begin(), listeners.end(),
                     [](const Listener& a, const Listener& b) { return rank(a) < rank(b); });
    DesiredPort port;
    port.container_port = number;
    port.listening = !listeners.empty();
    port.address = listeners.empty() ? IpAddress::loopback4() : listeners.front().endpoint.address;
    port.inode = listeners.empty() ? 0 : listeners.front().inode;
    port.targets = dial_targets(number, listeners);
    port.listeners = std::move(listeners);
    if (port.listening && input_.owner_of) {
      const auto owner = input_.owner_of(port.inode);
      // What an expression says of this port is not known before its process is.
      if (!owner) port.undecided = rules_.attributes.has_expressions();
      port.process = owner.value_or(detect::OwnerProcess{});
    }
    const auto wished = rules_.host_ports.find(number);
    if (wished != rules_.host_ports.end()) port.wished_host = wished->second;
    port.nat_wish = rules_.nat.of(number);
    attribute(port, rules_.service);
    return port;
  }

  void attribute(DesiredPort& port, const std::string& host) const {
    auto match = rules_.attributes.match(port.container_port, host, port.process.command_line,
                                         rules_.own_service);
    port.attributes = std::move(match.attributes);
    port.attribute_keys = std::move(match.keys);
  }

  void add_undeclared(std::uint16_t number, const std::vector<Listener>& listeners) {
    if (!published_reason(input_.published, number).empty()) return;
    DesiredPort port = describe(number, listeners);
    if (rules_.removed.contains(number)) {
      port.refuse(Refusal::kRemoved, "removed by \"ports rm\"; \"ports add " +
                                         std::to_string(number) + "\" brings it back");
    } else if (!port.undecided && is_ignored(port)) {
      port.refuse(Refusal::kIgnored, "onAutoForward is \"ignore\" (" +
                                         config::origin(port.attribute_keys["onAutoForward"]) +
                                         ")");
    } else if (!input_.declared_only.empty()) {
      port.refuse(Refusal::kSharedNetwork, input_.declared_only);
    }
    wish_.ports.push_back(std::move(port));
  }

  // Ports that have a place keep it; the rest get the free ones in their order.
  void apply_cap() {
    std::vector<DesiredPort*> automatic;
    for (DesiredPort& port : wish_.ports) {
      if (port.forwarded() && !port.declared) automatic.push_back(&port);
    }
    std::stable_partition(automatic.begin(), automatic.end(), [&](const DesiredPort* port) {
      return input_.forwarded_now.contains(port->key());
    });
    for (std::size_t i = rules_.max_auto_forwards; i < automatic.size(); ++i) {
      automatic[i]->refuse(Refusal::kOverCap,
                           "more than " + std::to_string(rules_.max_auto_forwards) +
                               " automatic forwards (raise it with --max-auto-forwards)");
      ++wish_.over_the_cap;
    }
  }

  const ForwardingRules& rules_;
  const PolicyInput& input_;
  std::map<std::uint16_t, std::vector<Listener>> by_port_;
  std::set<std::uint16_t> declared_;
  Wish wish_;
};

}  // namespace

std::vector<Endpoint> dial_targets(std::uint16_t port, const std::vector<Listener>& listeners) {
  std::vector<Endpoint> targets;
  const auto add = [&](const IpAddress& address) {
    const Endpoint endpoint{address, port};
    if (std::find(targets.begin(), targets.end(), endpoint) == targets.end()) {
      targets.push_back(endpoint);
    }
  };
  for (const Listener& listener : listeners) {
    const IpAddress& address = listener.endpoint.address;
    if (address == IpAddress::any4()) {
      add(IpAddress::loopback4());
    } else if (address == IpAddress::any6()) {
      add(IpAddress::loopback6());
      if (!listener.v6_only) add(IpAddress::loopback4());
    } else {
      add(address);
    }
  }
  if (targets.empty()) {
    add(IpAddress::loopback6());
    add(IpAddress::loopback4());
  }
  return targets;
}

std::set<std::string> declared_services(const ForwardingRules& rules) {
  std::set<std::string> services;
  for (const config::DeclaredPort& port : rules.declared) {
    if (!port.service.empty() && port.service != rules.service) services.insert(port.service);
  }
  return services;
}

Wish decide(const ForwardingRules& rules, const PolicyInput& input) {
  return Decision(rules, input).make();
}

}  // namespace fairlead::daemon
