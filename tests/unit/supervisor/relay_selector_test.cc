// Which relay for which listener, and the words for it.
#include "supervisor/daemon/relay_selector.h"

#include <gtest/gtest.h>

#include <map>

namespace fairlead::daemon {
namespace {

using base::Endpoint;
using base::IpAddress;

const IpAddress kAddress = *IpAddress::parse("172.17.0.2");
const IpAddress kAddress6 = *IpAddress::parse("fd00::2");

DesiredPort port_on(std::vector<detect::Listener> listeners) {
  DesiredPort port;
  port.container_port = 3000;
  port.listening = !listeners.empty();
  if (!listeners.empty()) port.address = listeners.front().endpoint.address;
  port.targets = dial_targets(3000, listeners);
  port.listeners = std::move(listeners);
  return port;
}

detect::Listener on(const char* address, bool v6_only = false) {
  return {{*IpAddress::parse(address), 3000}, v6_only, 0, 1};
}

Capabilities everything() {
  using enum WayIn::State;
  return {{kOpen, "namespace joined"},       {kOpen, ""},
          {kOpen, "socat in the container"}, {kAddress},
          {kClosed, "no directory"},         {kClosed, "read-only"},
          {kClosed, "takes CAP_BPF"}};
}
Capabilities without_namespace() {
  Capabilities can = everything();
  can.namespace_sockets = {WayIn::State::kClosed, "join: Operation not permitted"};
  return can;
}

Evidence works(const Endpoint&) { return {Evidence::State::kWorks, ""}; }
Evidence fails(const Endpoint&) { return {Evidence::State::kFails, "dial: timed out"}; }
Evidence none(const Endpoint&) { return {}; }

// "namespace 127.0.0.1:3000", "trial 172.17.0.2:3000", "none"
std::string shown(const RelayChoice& choice) {
  if (choice.trial) return "trial " + choice.trial->to_string();
  if (choice.look_for) return "look for " + std::string(name_of(*choice.look_for));
  if (!choice.kind) return "none";
  std::string text(name_of(*choice.kind));
  for (const Endpoint& target : choice.targets) text += " " + target.to_string();
  return text;
}

TEST(RelaySelector, TakesTheNamespaceForEverybodyWhereItCan) {
  for (const char* address : {"127.0.0.1", "0.0.0.0", "172.17.0.2"}) {
    const RelayChoice choice = choose_relay(port_on({on(address)}), everything(), {}, none);
    EXPECT_EQ(choice.kind, RelayKind::kNamespace) << address;
  }
  const RelayChoice loopback = choose_relay(port_on({on("127.0.0.1")}), everything(), {}, none);
  EXPECT_EQ(shown(loopback), "namespace 127.0.0.1:3000");
  EXPECT_EQ(
      loopback.reason,
      "bound to loopback; namespace joined; not nat: its address does not reach what is bound to "
      "loopback");
  EXPECT_FALSE(loopback.not_as_forced);
}

TEST(RelaySelector, DialsTheAddressOnlyAfterATrialHasShownThatItWorks) {
  const DesiredPort port = port_on({on("0.0.0.0")});
  EXPECT_EQ(shown(choose_relay(port, without_namespace(), {}, none)), "trial 172.17.0.2:3000");
  const RelayChoice choice = choose_relay(port, without_namespace(), {}, works);
  EXPECT_EQ(shown(choice), "direct 172.17.0.2:3000");
  EXPECT_EQ(choice.reason,
            "bound to any address; answers at 172.17.0.2:3000; not namespace: join: Operation not "
            "permitted; not agent: no directory; not nat: takes CAP_BPF");
}

TEST(RelaySelector, GoesOnToExecWhenTheTrialFails) {
  const RelayChoice choice = choose_relay(port_on({on("0.0.0.0")}), without_namespace(), {}, fails);
  EXPECT_EQ(shown(choice), "exec 127.0.0.1:3000");
  EXPECT_NE(choice.reason.find("not direct: dial: timed out"), std::string::npos) << choice.reason;
}

TEST(RelaySelector, NeverDialsTheAddressForWhatIsBoundToLoopback) {
  const RelayChoice choice =
      choose_relay(port_on({on("127.0.0.1")}), without_namespace(), {}, works);
  EXPECT_EQ(shown(choice), "exec 127.0.0.1:3000");
  EXPECT_EQ(
      choice.reason,
      "bound to loopback; socat in the container, one exec per connection; not namespace: "
      "join: Operation not permitted; not agent: no directory; not direct: its address does "
      "not reach what is bound to loopback; not mux: read-only; not nat: its address does not "
      "reach what is bound to loopback");
}

TEST(RelaySelector, PrefersOneExecForAllToOneForEach) {
  Capabilities can = without_namespace();
  can.mux = {WayIn::State::kNotLookedFor, ""};
  EXPECT_EQ(shown(choose_relay(port_on({on("127.0.0.1")}), can, {}, none)), "look for mux");
  can.mux = {WayIn::State::kOpen, "the agent, over one exec"};
  EXPECT_EQ(shown(choose_relay(port_on({on("127.0.0.1")}), can, {}, none)), "mux 127.0.0.1:3000");
  EXPECT_EQ(shown(choose_relay(port_on({on("0.0.0.0")}), can, {}, works)),
            "direct 172.17.0.2:3000");
  EXPECT_EQ(shown(choose_relay(port_on({on("0.0.0.0")}), can, {}, fails)), "mux 127.0.0.1:3000");
  EXPECT_EQ(shown(choose_relay(port_on({on("127.0.0.1")}), can, RelayKind::kExec, none)),
            "exec 127.0.0.1:3000");
}

TEST(RelaySelector, KnowsWhichAddressReachesWhichListener) {
  Capabilities can = without_namespace();
  can.addresses = {kAddress, kAddress6};
  const auto direct = [&](std::vector<detect::Listener> listeners) {
    return shown(choose_relay(port_on(std::move(listeners)), can, {}, [](const Endpoint& endpoint) {
      // Only the last candidate works: shows them all.
      return endpoint.address == kAddress6 ? works(endpoint) : fails(endpoint);
    }));
  };
  EXPECT_EQ(direct({on("::")}), "direct [fd00::2]:3000");
  EXPECT_EQ(direct({on("::", true)}), "direct [fd00::2]:3000");
  EXPECT_EQ(direct({on("0.0.0.0")}), "exec 127.0.0.1:3000") << "IPv6 does not reach it";
  EXPECT_EQ(direct({on("fd00::2")}), "direct [fd00::2]:3000");
  EXPECT_EQ(direct({on("172.17.0.9")}), "exec 172.17.0.9:3000") << "not an address that we know";
  EXPECT_EQ(direct({on("127.0.0.1"), on("fd00::2")}), "direct [fd00::2]:3000");
}

TEST(RelaySelector, AForcedKindComesFirstAndFallsBackWhenItIsImpossible) {
  const DesiredPort any = port_on({on("0.0.0.0")});
  EXPECT_EQ(shown(choose_relay(any, everything(), RelayKind::kDirect, none)),
            "trial 172.17.0.2:3000");
  const RelayChoice direct = choose_relay(any, everything(), RelayKind::kDirect, works);
  EXPECT_EQ(shown(direct), "direct 172.17.0.2:3000");
  EXPECT_FALSE(direct.not_as_forced);
  EXPECT_EQ(shown(choose_relay(any, everything(), RelayKind::kExec, works)), "exec 127.0.0.1:3000");
  const RelayChoice loopback =
      choose_relay(port_on({on("127.0.0.1")}), everything(), RelayKind::kDirect, works);
  EXPECT_EQ(shown(loopback), "namespace 127.0.0.1:3000");
  EXPECT_TRUE(loopback.not_as_forced);
  const RelayChoice nat = choose_relay(any, everything(), RelayKind::kNat, works);
  EXPECT_EQ(nat.kind, RelayKind::kNamespace);
  EXPECT_TRUE(nat.not_as_forced);
}

Capabilities with_nat() {
  Capabilities can = everything();
  can.nat = {WayIn::State::kOpen, "by the kernel"};
  can.nat_address = kAddress;
  return can;
}

TEST(RelaySelector, PutsTheKernelBeforeTheListenerForWhatItsAddressReaches) {
  for (const char* address : {"0.0.0.0", "::", "172.17.0.2"}) {
    const RelayChoice choice = choose_relay(port_on({on(address)}), with_nat(), {}, none);
    EXPECT_EQ(choice.kind, RelayKind::kNat) << address;
    EXPECT_EQ(choice.listener_kind, RelayKind::kNamespace) << address;
    EXPECT_EQ(choice.kernel_target, (Endpoint{kAddress, 3000})) << address;
  }
  const RelayChoice any = choose_relay(port_on({on("0.0.0.0")}), with_nat(), {}, none);
  EXPECT_EQ(any.targets, port_on({on("0.0.0.0")}).targets) << "the listener's own way stays";
  EXPECT_EQ(any.reason,
            "bound to any address; by the kernel; what the kernel leaves goes by namespace");
}

TEST(RelaySelector, LeavesToTheListenerWhatTheKernelCannotReach) {
  for (const auto& listener : {on("127.0.0.1"), on("::1"), on("::", true), on("172.17.0.9")}) {
    const RelayChoice choice = choose_relay(port_on({listener}), with_nat(), {}, none);
    EXPECT_EQ(choice.kind, RelayKind::kNamespace) << listener.endpoint.to_string();
    EXPECT_EQ(choice.listener_kind, RelayKind::kNamespace);
    EXPECT_FALSE(choice.kernel_target) << listener.endpoint.to_string();
    EXPECT_NE(choice.reason.find("not nat: "), std::string::npos) << choice.reason;
  }
  const RelayChoice waiting = choose_relay(port_on({}), with_nat(), {}, none);
  EXPECT_FALSE(waiting.kernel_target);
  EXPECT_NE(waiting.reason.find("not nat: nobody listens yet"), std::string::npos);
}

TEST(RelaySelector, SendsToTheFirstAddressAlone) {
  Capabilities can = with_nat();
  can.addresses = {kAddress, *IpAddress::parse("172.18.0.2")};
  const RelayChoice second = choose_relay(port_on({on("172.18.0.2")}), can, {}, none);
  EXPECT_FALSE(second.kernel_target);
  EXPECT_NE(second.reason.find("not nat: 172.17.0.2 does not reach"), std::string::npos);
}

TEST(RelaySelector, KeepsTheKernelOutWhereItIsSwitchedOffUnlessItIsAskedFor) {
  DesiredPort port = port_on({on("0.0.0.0")});
  port.nat_wish = false;
  const RelayChoice off = choose_relay(port, with_nat(), {}, none);
  EXPECT_EQ(off.kind, RelayKind::kNamespace);
  EXPECT_NE(off.reason.find("not nat: switched off (natProxy)"), std::string::npos) << off.reason;
  EXPECT_EQ(choose_relay(port, with_nat(), RelayKind::kNat, none).kind, RelayKind::kNat);
}

TEST(RelaySelector, WarnsWhereAWishForTheKernelIsNotGranted) {
  DesiredPort port = port_on({on("127.0.0.1")});
  EXPECT_EQ(choose_relay(port, with_nat(), {}, none).nat_warning, "");
  port.nat_wish = true;
  const RelayChoice inside = choose_relay(port, with_nat(), {}, none);
  EXPECT_EQ(inside.kind, RelayKind::kNamespace);
  EXPECT_NE(inside.nat_warning.find("does not reach"), std::string::npos) << inside.nat_warning;
  EXPECT_FALSE(inside.not_as_forced);

  DesiredPort outside = port_on({on("0.0.0.0")});
  outside.nat_wish = true;
  EXPECT_EQ(choose_relay(outside, with_nat(), {}, none).nat_warning, "");
  Capabilities several = with_nat();
  several.addresses.push_back(*IpAddress::parse("172.18.0.2"));
  const RelayChoice first = choose_relay(outside, several, {}, none);
  EXPECT_EQ(first.kind, RelayKind::kNat);
  EXPECT_NE(first.nat_warning.find("172.17.0.2, the first"), std::string::npos)
      << first.nat_warning;
  // It has the time until that is known.
  Capabilities unknown = with_nat();
  unknown.nat = {WayIn::State::kNotLookedFor, ""};
  const RelayChoice later = choose_relay(outside, unknown, {}, none);
  EXPECT_FALSE(later.kind);
  EXPECT_EQ(later.look_for, RelayKind::kNat);
  // Nobody listens: there is nothing to warn of.
  DesiredPort waiting = port_on({});
  waiting.nat_wish = true;
  EXPECT_EQ(choose_relay(waiting, with_nat(), {}, none).nat_warning, "");
}

TEST(RelaySelector, ForAnotherHostTheListenersWayIsTheRelay) {
  DesiredPort port = port_on({});
  port.service = "db";
  for (const auto forced : {std::optional<RelayKind>(), std::optional(RelayKind::kNat)}) {
    const RelayChoice choice = choose_relay(port, with_nat(), forced, none);
    EXPECT_EQ(choice.kind, RelayKind::kNamespace);
    EXPECT_EQ(choice.listener_kind, RelayKind::kNamespace);
    EXPECT_FALSE(choice.kernel_target);
  }
}

TEST(RelaySelector, AnotherKindThatIsAskedForKeepsTheKernelOut) {
  const RelayChoice choice =
      choose_relay(port_on({on("0.0.0.0")}), with_nat(), RelayKind::kNamespace, none);
  EXPECT_EQ(choice.kind, RelayKind::kNamespace);
  EXPECT_FALSE(choice.kernel_target);
  EXPECT_EQ(choice.reason.find("nat"), std::string::npos) << choice.reason;
}

// The port is reachable at once by what there is; only who asks for the kernel waits for it.
TEST(RelaySelector, LooksForTheKernelsWayWhileTheListenerServes) {
  Capabilities can = with_nat();
  can.nat = {WayIn::State::kNotLookedFor, ""};
  can.nat_address.reset();
  Wish wish;
  wish.ports = {port_on({on("0.0.0.0")})};
  EXPECT_EQ(choose_relays(wish, can, {}, none).look_for, std::set{RelayKind::kNat});
  EXPECT_FALSE(wish.ports[0].undecided);
  EXPECT_EQ(wish.ports[0].relay, RelayKind::kNamespace);

  wish.ports = {port_on({on("0.0.0.0")})};
  EXPECT_EQ(choose_relays(wish, can, RelayKind::kNat, none).look_for, std::set{RelayKind::kNat});
  EXPECT_TRUE(wish.ports[0].undecided);

  wish.ports = {port_on({on("127.0.0.1")})};
  EXPECT_TRUE(choose_relays(wish, can, {}, none).look_for.empty()) << "nobody needs it";
}

TEST(RelaySelector, SaysWhatIsMissingWhenThereIsNoWay) {
  Capabilities can = without_namespace();
  can.exec = {WayIn::State::kClosed, "need socat, nc or bash in the container"};
  const RelayChoice choice = choose_relay(port_on({on("127.0.0.1")}), can, {}, works);
  EXPECT_EQ(shown(choice), "none");
  EXPECT_NE(choice.reason.find("not exec: need socat, nc or bash in the container"),
            std::string::npos);
  EXPECT_NE(choice.reason.find("not namespace: join: Operation not permitted"), std::string::npos);
}

// It costs processes: only when no better way is left, or when it is asked for.
TEST(RelaySelector, LooksForExecOnlyWhenItMatters) {
  Capabilities can = everything();
  can.exec = {WayIn::State::kNotLookedFor, ""};
  const DesiredPort loopback = port_on({on("127.0.0.1")});
  EXPECT_EQ(shown(choose_relay(loopback, can, {}, none)), "namespace 127.0.0.1:3000");
  EXPECT_EQ(shown(choose_relay(loopback, can, RelayKind::kExec, none)), "look for exec");
  can.namespace_sockets = {WayIn::State::kClosed, "not permitted"};
  EXPECT_EQ(shown(choose_relay(loopback, can, {}, none)), "look for exec");
  EXPECT_EQ(shown(choose_relay(port_on({on("0.0.0.0")}), can, {}, works)),
            "direct 172.17.0.2:3000");
  Wish wish;
  wish.ports = {loopback};
  EXPECT_EQ(choose_relays(wish, can, {}, none).look_for, std::set{RelayKind::kExec});
  EXPECT_TRUE(wish.ports[0].undecided);
}

TEST(RelaySelector, ADeclaredPortThatNobodyListensOnNeedsNoTrial) {
  const DesiredPort waiting = port_on({});
  EXPECT_EQ(shown(choose_relay(waiting, everything(), {}, none)),
            "namespace [::1]:3000 127.0.0.1:3000");
  EXPECT_EQ(shown(choose_relay(waiting, without_namespace(), {}, none)), "direct 172.17.0.2:3000");
  Capabilities nowhere = without_namespace();
  nowhere.addresses.clear();
  EXPECT_EQ(shown(choose_relay(waiting, nowhere, {}, none)), "exec 127.0.0.1:3000");
}

TEST(RelaySelector, FillsInAWholeWish) {
  Wish wish;
  wish.ports = {port_on({on("127.0.0.1")}), port_on({on("0.0.0.0")}), port_on({on("0.0.0.0")})};
  wish.ports[2].refuse(Refusal::kIgnored, "ignored");
  Capabilities can = without_namespace();
  can.exec = {WayIn::State::kClosed, "need socat, nc or bash in the container"};
  const OpenQuestions questions = choose_relays(wish, can, {}, none);
  ASSERT_EQ(questions.trials.size(), 1U);
  EXPECT_EQ(questions.trials[0].to_string(), "172.17.0.2:3000");
  EXPECT_TRUE(questions.look_for.empty());
  EXPECT_EQ(wish.ports[0].refusal, Refusal::kNoRelay);
  EXPECT_TRUE(wish.ports[1].undecided);
  EXPECT_EQ(wish.ports[2].reason, "ignored");
  EXPECT_TRUE(choose_relays(wish, can, {}, works).trials.empty());
}

TEST(RelayKinds, HaveTheirNames) {
  for (const auto name : kRelayNames) {
    ASSERT_TRUE(relay_kind(name));
    EXPECT_EQ(name_of(*relay_kind(name)), name);
  }
  EXPECT_FALSE(relay_kind("auto"));
  EXPECT_FALSE(relay_kind(""));
}

}  // namespace
}  // namespace fairlead::daemon
