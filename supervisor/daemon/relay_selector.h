// Which relay carries a port, and why no better one. Pure: capabilities, listener, wish and
// evidence in; kind, targets and a reason in words out. SPEC.md "Relays".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "supervisor/daemon/policy.h"
#include "supervisor/daemon/relay_kind.h"

namespace fairlead::daemon {

// One way into a container.
struct WayIn {
  enum class State : std::uint8_t { kClosed, kOpen, kNotLookedFor } state = State::kClosed;
  std::string words;  // open: what it rests on ("socat in the container"); closed: why

  bool open() const { return state == State::kOpen; }
};

struct Capabilities {
  WayIn namespace_sockets;
  WayIn direct;
  WayIn exec;
  std::vector<base::IpAddress> addresses;  // the container's own, as its engine says
  WayIn agent = {};
  WayIn mux = {};
  WayIn nat = {};
  std::optional<base::IpAddress> nat_address = {};  // where it leads to, if it is open
};

// What a trial dial to an address has shown.
struct Evidence {
  enum class State { kNone, kWorks, kFails } state = State::kNone;
  std::string words;  // of the failure
};
using EvidenceOf = std::function<Evidence(const base::Endpoint&)>;

struct RelayChoice {
  std::optional<RelayKind> kind;  // none: see `trial`, or there is no way
  std::vector<base::Endpoint> targets;
  std::string reason;
  // This is to be dialled, or looked for, and then asked again: first, if there is no kind yet.
  std::optional<base::Endpoint> trial;
  std::optional<RelayKind> look_for;
  bool not_as_forced = false;
  std::string nat_warning = {};                 // see DesiredPort
  std::optional<RelayKind> listener_kind = {};  // see DesiredPort
  std::optional<base::Endpoint> kernel_target = {};
};

RelayChoice choose_relay(const DesiredPort& port, const Capabilities& capabilities,
                         std::optional<RelayKind> forced, const EvidenceOf& evidence);

// What is to be found out before the undecided ports can be decided.
struct OpenQuestions {
  std::vector<base::Endpoint> trials;
  std::set<RelayKind> look_for;
};

// Chooses for every port of a wish that is to be forwarded; those without a way are refused.
OpenQuestions choose_relays(Wish& wish, const Capabilities& capabilities,
                            std::optional<RelayKind> forced, const EvidenceOf& evidence);

}  // namespace fairlead::daemon
