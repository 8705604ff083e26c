#include "supervisor/daemon/relay_selector.h"

#include <algorithm>
#include <array>

namespace fairlead::daemon {
namespace {

using base::Endpoint;
using base::Family;
using base::IpAddress;

// What connections at our listener can go by, best first. `nat` comes on top of one of them.
constexpr std::array kOrder = {RelayKind::kNamespace, RelayKind::kAgent, RelayKind::kDirect,
                               RelayKind::kMux, RelayKind::kExec};

std::string bound_words(const DesiredPort& port) {
  if (!port.listening) return "nobody listens yet";
  if (port.address.is_loopback()) return "bound to loopback";
  return port.address.is_wildcard() ? "bound to any address"
                                    : "bound to " + port.address.to_string();
}

bool reaches(const detect::Listener& listener, const IpAddress& address) {
  const IpAddress& bound = listener.endpoint.address;
  if (bound == IpAddress::any6()) {
    return address.family() == Family::kIpv6 || !listener.v6_only;
  }
  if (bound == IpAddress::any4()) return address.family() == Family::kIpv4;
  return bound == address;
}

// The container's addresses at which the port can be dialled from outside.
std::vector<Endpoint> outside_targets(const DesiredPort& port,
                                      const std::vector<IpAddress>& addresses) {
  std::vector<Endpoint> targets;
  for (const IpAddress& address : addresses) {
    const bool reached =
        !port.listening || std::any_of(port.listeners.begin(), port.listeners.end(),
                                       [&](const auto& one) { return reaches(one, address); });
    if (reached) targets.push_back({address, port.container_port});
  }
  return targets;
}

// Who dials there dials one address, and cannot say that it should have been another.
Endpoint inside_target(const DesiredPort& port) {
  for (const Endpoint& target : port.targets) {
    if (target.address.family() == Family::kIpv4) return target;
  }
  return port.targets.front();
}

// One kind, tried: a target means possible, an open question perhaps, words alone mean no.
struct Attempt {
  std::vector<Endpoint> targets;
  std::optional<Endpoint> trial;
  std::string words;
  bool look_for = false;
};

Attempt try_direct(const DesiredPort& port, const Capabilities& capabilities,
                   const EvidenceOf& evidence) {
  if (!capabilities.direct.open()) return {{}, {}, capabilities.direct.words};
  const auto targets = outside_targets(port, capabilities.addresses);
  if (targets.empty()) return {{}, {}, "its address does not reach what is " + bound_words(port)};
  if (!port.listening) return {targets, {}, "its address, without a trial"};
  std::string trouble;
  for (const Endpoint& target : targets) {
    const Evidence seen = evidence(target);
    if (seen.state == Evidence::State::kWorks) {
      return {{target}, {}, "answers at " + target.to_string()};
    }
    if (seen.state == Evidence::State::kNone) return {{}, target, ""};
    trouble = seen.words;
  }
  return {{}, {}, trouble};
}

// By somebody in the container who is told what to dial.
Attempt try_inside(const DesiredPort& port, const WayIn& way, const std::string& note) {
  if (way.state == WayIn::State::kNotLookedFor) return {{}, {}, "", true};
  if (!way.open()) return {{}, {}, way.words};
  return {{inside_target(port)}, {}, way.words + note};
}

Attempt attempt(RelayKind kind, const DesiredPort& port, const Capabilities& capabilities,
                const EvidenceOf& evidence) {
  switch (kind) {
    case RelayKind::kNamespace: {
      const WayIn& way = capabilities.namespace_sockets;
      return {way.open() ? port.targets : std::vector<Endpoint>(), {}, way.words};
    }
    case RelayKind::kDirect:
      return try_direct(port, capabilities, evidence);
    case RelayKind::kMux:
      return try_inside(port, capabilities.mux, "");
    case RelayKind::kExec:
      return try_inside(port, capabilities.exec, ", one exec per connection");
    case RelayKind::kAgent: {
      const WayIn& way = capabilities.agent;
      if (way.state == WayIn::State::kNotLookedFor) return {{}, {}, "", true};
      return {way.open() ? port.targets : std::vector<Endpoint>(), {}, way.words};
    }
    case RelayKind::kNat:
      break;
  }
  return {};
}

Attempt try_nat(const DesiredPort& port, const Capabilities& capabilities, bool forced) {
  if (port.nat_wish == false && !forced) return {{}, {}, "switched off (natProxy)"};
  if (!port.listening) return {{}, {}, "nobody listens yet"};
  if (outside_targets(port, capabilities.addresses).empty()) {
    return {{}, {}, "its address does not reach what is " + bound_words(port)};
  }
  if (capabilities.nat.state == WayIn::State::kNotLookedFor) return {{}, {}, "", true};
  if (!capabilities.nat_address) return {{}, {}, capabilities.nat.words};
  const auto targets = outside_targets(port, {*capabilities.nat_address});
  if (targets.empty()) {
    return {{},
            {},
            capabilities.nat_address->to_string() + " does not reach what is " + bound_words(port)};
  }
  return {targets, {}, capabilities.nat.words};
}

bool has_several_networks(const Capabilities& capabilities) {
  const auto is_v4 = [](const base::IpAddress& one) { return one.family() == base::Family::kIpv4; };
  return std::count_if(capabilities.addresses.begin(), capabilities.addresses.end(), is_v4) > 1;
}

std::string not_possible(RelayKind kind, const std::string& words) {
  return "not " + std::string(name_of(kind)) + ": " + words;
}

// What only the container can reach is dialled from within its network: by a socket made there.
RelayChoice choose_for_other_host(const DesiredPort& port, const Capabilities& capabilities,
                                  std::optional<RelayKind> forced) {
  std::vector<RelayKind> order = {RelayKind::kNamespace, RelayKind::kAgent};
  if (forced == RelayKind::kAgent) std::swap(order.front(), order.back());
  std::string refusals;
  for (const RelayKind kind : order) {
    const WayIn& way =
        kind == RelayKind::kAgent ? capabilities.agent : capabilities.namespace_sockets;
    if (way.state == WayIn::State::kNotLookedFor) return {{}, {}, "", {}, kind, false};
    if (way.open()) {
      const std::string reason = "of another host; dialled from within; " + way.words + refusals;
      return {kind, port.targets, reason, {}, {}, forced && forced != kind};
    }
    refusals += "; " + not_possible(kind, way.words);
  }
  const std::string reason = "a port of another host takes a socket of the container's" + refusals;
  return {{}, {}, reason, {}, {}, forced.has_value()};
}

// For what comes to our listener, whatever the kernel takes before.
RelayChoice choose_for_listener(const DesiredPort& port, const Capabilities& capabilities,
                                std::optional<RelayKind> forced, const EvidenceOf& evidence) {
  std::vector<RelayKind> order;
  if (forced) order.push_back(*forced);
  for (const RelayKind kind : kOrder) {
    if (kind != forced) order.push_back(kind);
  }
  std::string refusals;
  for (const RelayKind kind : order) {
    Attempt tried = attempt(kind, port, capabilities, evidence);
    if (tried.trial || tried.look_for) {
      RelayChoice question;
      question.trial = tried.trial;
      if (tried.look_for) question.look_for = kind;
      return question;
    }
    if (!tried.targets.empty()) {
      std::string reason = bound_words(port) + "; " + tried.words;
      if (forced == kind) reason += "; as asked for (--relay)";
      return {kind, std::move(tried.targets), reason + refusals, {}, {}, forced && forced != kind};
    }
    refusals += "; " + not_possible(kind, tried.words);
  }
  return {{}, {}, bound_words(port) + refusals, {}, {}, forced.has_value()};
}

// Puts the kernel before the listener, if it may and can.
void add_nat(RelayChoice& choice, const DesiredPort& port, const Capabilities& capabilities,
             bool forced) {
  const Attempt tried = try_nat(port, capabilities, forced);
  const bool wished = port.nat_wish == true && port.listening;
  if (tried.look_for) {
    choice.look_for = RelayKind::kNat;
    if (forced || wished) choice.kind.reset();  // whoever asks for it has the time
    return;
  }
  if (tried.targets.empty()) {
    choice.reason += "; " + not_possible(RelayKind::kNat, tried.words);
    choice.not_as_forced = forced;
    if (wished) choice.nat_warning = "not by the kernel alone, as wished: " + tried.words;
    return;
  }
  if (wished && has_several_networks(capabilities)) {
    choice.nat_warning = "the kernel sends to " + capabilities.nat_address->to_string() +
                         ", the first of the container's addresses";
  }
  choice.reason = bound_words(port) + "; " + tried.words;
  if (forced) choice.reason += "; as asked for (--relay)";
  choice.reason += "; what the kernel leaves goes by " + std::string(name_of(*choice.kind));
  choice.kernel_target = tried.targets.front();
  choice.kind = RelayKind::kNat;
}

}  // namespace

RelayChoice choose_relay(const DesiredPort& port, const Capabilities& capabilities,
                         std::optional<RelayKind> forced, const EvidenceOf& evidence) {
  const bool nat_forced = forced == RelayKind::kNat;
  const bool other_host = !port.service.empty();
  RelayChoice choice =
      other_host
          ? choose_for_other_host(port, capabilities, forced)
          : choose_for_listener(port, capabilities, nat_forced ? std::nullopt : forced, evidence);
  choice.listener_kind = choice.kind;
  if (choice.kind && !other_host && (!forced || nat_forced))
    add_nat(choice, port, capabilities, nat_forced);
  return choice;
}

OpenQuestions choose_relays(Wish& wish, const Capabilities& capabilities,
                            std::optional<RelayKind> forced, const EvidenceOf& evidence) {
  OpenQuestions questions;
  for (DesiredPort& port : wish.ports) {
    if (!port.forwarded() || port.undecided) continue;
    RelayChoice choice = choose_relay(port, capabilities, forced, evidence);
    if (choice.trial) questions.trials.push_back(*choice.trial);
    if (choice.look_for) questions.look_for.insert(*choice.look_for);
    if (!choice.kind && (choice.trial || choice.look_for)) {
      port.undecided = true;
    } else if (!choice.kind) {
      port.refuse(Refusal::kNoRelay, "no way into the container: " + choice.reason);
    } else {
      port.relay = choice.kind;
      port.listener_relay = choice.listener_kind;
      port.kernel_target = choice.kernel_target;
      port.targets = std::move(choice.targets);
      port.relay_reason = std::move(choice.reason);
      port.not_as_forced = choice.not_as_forced;
      port.nat_warning = std::move(choice.nat_warning);
    }
  }
  return questions;
}

}  // namespace fairlead::daemon
