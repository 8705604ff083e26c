// SPEC.md "Policy", rule by rule.
#include "supervisor/daemon/policy.h"

#include <gtest/gtest.h>

namespace fairlead::daemon {
namespace {

using base::Endpoint;
using base::IpAddress;
using detect::Listener;

Endpoint at(const std::string& address, std::uint16_t port) {
  return {*IpAddress::parse(address), port};
}

Listener listener(const std::string& address, std::uint16_t port, bool v6_only = false,
                  std::uint64_t inode = 0) {
  return {at(address, port), v6_only, 0, inode};
}

config::PortsAttributes attributes(const std::string& ports) {
  return *config::PortsAttributes::from_json(config::Json::parse("{\"ports\":{" + ports + "}}"));
}

config::PortsAttributes ignored(std::uint16_t port) {
  return attributes("\"" + std::to_string(port) + "\":{\"onAutoForward\":\"ignore\"}");
}

const DesiredPort* find(const Wish& wish, std::uint16_t port, const std::string& service = "") {
  for (const DesiredPort& candidate : wish.ports) {
    if (candidate.container_port == port && candidate.service == service) return &candidate;
  }
  return nullptr;
}

std::vector<std::uint16_t> forwarded(const Wish& wish) {
  std::vector<std::uint16_t> ports;
  for (const DesiredPort& port : wish.ports) {
    if (port.forwarded()) ports.push_back(port.container_port);
  }
  return ports;
}

using Ports = std::vector<std::uint16_t>;
using Targets = std::vector<Endpoint>;

// --- Which ports ---

TEST(Policy, NothingWithoutListenersAndDeclarations) {
  const Wish wish = decide({}, {});
  EXPECT_TRUE(wish.ports.empty());
  EXPECT_EQ(wish.over_the_cap, 0U);
}

TEST(Policy, ForwardsAListenerWhateverItIsBoundTo) {
  for (const char* address : {"127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "0.0.0.0",
                              "::", "172.17.0.2", "fd00::2", "::ffff:127.0.0.1"}) {
    const Wish wish = decide({}, {{listener(address, 3000, false, 77)}, {}, {}, ""});
    ASSERT_EQ(wish.ports.size(), 1U) << address;
    const DesiredPort& port = wish.ports[0];
    EXPECT_TRUE(port.forwarded()) << address;
    EXPECT_TRUE(port.listening);
    EXPECT_FALSE(port.declared);
    EXPECT_EQ(port.reason, "");
    EXPECT_EQ(port.wished_host, 0);
    EXPECT_EQ(port.inode, 77U);
    EXPECT_EQ(port.address, *IpAddress::parse(address));
  }
}

TEST(Policy, DoesNotCountNameServersAndLinkLocalListeners) {
  for (const char* address : {"127.0.0.11", "fe80::1", "fe80::abcd:1", "febf::1"}) {
    EXPECT_TRUE(decide({}, {{listener(address, 53)}, {}, {}, ""}).ports.empty()) << address;
  }
  for (const char* address : {"127.0.0.10", "127.0.0.12", "fec0::1", "fe7f::1"}) {
    EXPECT_EQ(decide({}, {{listener(address, 53)}, {}, {}, ""}).ports.size(), 1U) << address;
  }
  // Another listener on the same port counts as ever.
  const Wish wish = decide({}, {{listener("127.0.0.11", 53), listener("0.0.0.0", 53)}, {}, {}, ""});
  ASSERT_EQ(wish.ports.size(), 1U);
  EXPECT_EQ(wish.ports[0].targets, Targets{at("127.0.0.1", 53)});
}

TEST(Policy, ForwardsADeclaredPortThatNobodyListensOn) {
  ForwardingRules rules;
  rules.declared = {{3000, "", 8080}};
  const Wish wish = decide(rules, {});
  ASSERT_EQ(wish.ports.size(), 1U);
  const DesiredPort& port = wish.ports[0];
  EXPECT_TRUE(port.forwarded());
  EXPECT_TRUE(port.declared);
  EXPECT_FALSE(port.listening);
  EXPECT_EQ(port.wished_host, 8080);
  EXPECT_EQ(port.address, IpAddress::loopback4());
  EXPECT_EQ(port.inode, 0U);
  EXPECT_EQ(port.targets, (Targets{at("::1", 3000), at("127.0.0.1", 3000)}));
}

TEST(Policy, ForwardsADeclaredPortEvenIfItIsToBeIgnored) {
  ForwardingRules rules;
  rules.declared = {{3000, "", 0}};
  rules.attributes = ignored(3000);
  for (const auto& listeners :
       std::vector<std::vector<Listener>>{{}, {listener("0.0.0.0", 3000)}}) {
    EXPECT_EQ(forwarded(decide(rules, {listeners, {}, {}, ""})), Ports{3000});
  }
}

TEST(Policy, DoesNotForwardADeclaredPortThatTheEnginePublishes) {
  ForwardingRules rules;
  rules.declared = {{3000, "", 0}};
  const Wish wish =
      decide(rules, {{listener("0.0.0.0", 3000)}, {{3000, at("0.0.0.0", 32768)}}, {}, ""});
  ASSERT_EQ(wish.ports.size(), 1U);
  EXPECT_FALSE(wish.ports[0].forwarded());
  EXPECT_TRUE(wish.ports[0].declared);
  EXPECT_TRUE(wish.ports[0].listening);
  EXPECT_EQ(wish.ports[0].refusal, Refusal::kPublished);
  EXPECT_EQ(wish.ports[0].reason, "published by the engine on 0.0.0.0:32768");
}

TEST(Policy, DoesNotShowAnUndeclaredPortThatTheEnginePublishes) {
  const Wish wish = decide({}, {{listener("0.0.0.0", 3000), listener("0.0.0.0", 4000)},
                                {{3000, at("127.0.0.1", 3000)}},
                                {},
                                ""});
  EXPECT_EQ(find(wish, 3000), nullptr);
  EXPECT_EQ(forwarded(wish), Ports{4000});
}

TEST(Policy, APortOfAnotherHostHidesNoListenerOfTheContainer) {
  ForwardingRules rules;
  rules.declared = {{5432, "db", 0}};
  const Wish wish = decide(rules, {{listener("127.0.0.1", 5432)}, {}, {}, ""});
  ASSERT_NE(find(wish, 5432), nullptr);
  EXPECT_TRUE(find(wish, 5432)->forwarded());
  EXPECT_FALSE(find(wish, 5432)->declared);
}

TEST(Policy, DoesNotForwardAPortThatIsToBeIgnored) {
  ForwardingRules rules;
  rules.attributes = ignored(9229);
  const Wish wish =
      decide(rules, {{listener("127.0.0.1", 9229), listener("127.0.0.1", 3000)}, {}, {}, ""});
  EXPECT_EQ(forwarded(wish), Ports{3000});
  ASSERT_NE(find(wish, 9229), nullptr);
  EXPECT_EQ(find(wish, 9229)->reason, "onAutoForward is \"ignore\" (portsAttributes \"9229\")");
}

TEST(Policy, NamesTheKeyByWhichAPortIsIgnored) {
  ForwardingRules rules;
  rules.attributes = *config::PortsAttributes::from_json(config::Json::parse(
      R"({"ports":{"3000":{"label":"web"},"9000-9300":{"onAutoForward":"ignore"}},
          "other":{"onAutoForward":"ignore"}})"));
  const Wish wish = decide(rules, {{listener("127.0.0.1", 9229), listener("127.0.0.1", 3000),
                                    listener("127.0.0.1", 4000)},
                                   {},
                                   {},
                                   ""});
  EXPECT_EQ(forwarded(wish), Ports{3000});
  EXPECT_EQ(find(wish, 9229)->reason,
            "onAutoForward is \"ignore\" (portsAttributes \"9000-9300\")");
  EXPECT_EQ(find(wish, 4000)->reason, "onAutoForward is \"ignore\" (otherPortsAttributes)");
}

TEST(Policy, GivesAPortOfAnotherHostThatHostsAttributes) {
  ForwardingRules rules;
  rules.declared = {{5432, "", 0}, {5432, "db", 0}};
  rules.attributes = attributes(R"("5432":{"label":"own"},"db:5432":{"label":"database"})");
  const Wish wish = decide(rules, {});
  EXPECT_EQ(find(wish, 5432)->attributes.label, "own");
  EXPECT_EQ(find(wish, 5432, "db")->attributes.label, "database");
}

TEST(Policy, LeavesUndeclaredPortsOfASharedNetworkToTheOtherSupervisor) {
  ForwardingRules rules;
  rules.declared = {{3000, "", 0}};
  rules.attributes = ignored(9229);
  const Wish wish = decide(
      rules, {{listener("0.0.0.0", 3000), listener("0.0.0.0", 4000), listener("0.0.0.0", 9229)},
              {},
              {},
              "forwarded by another supervisor"});
  EXPECT_EQ(forwarded(wish), Ports{3000});
  EXPECT_EQ(find(wish, 4000)->refusal, Refusal::kSharedNetwork);
  EXPECT_EQ(find(wish, 4000)->reason, "forwarded by another supervisor");
  EXPECT_NE(find(wish, 9229)->reason.find("ignore"), std::string::npos);
}

TEST(Policy, ShowsEachPortOnceHoweverManyListen) {
  const Wish wish = decide(
      {}, {{listener("127.0.0.1", 3000), listener("::1", 3000), listener("172.17.0.2", 3000)},
           {},
           {},
           ""});
  EXPECT_EQ(wish.ports.size(), 1U);
}

TEST(Policy, CarriesTheAttributesOfThePort) {
  ForwardingRules rules;
  rules.attributes = attributes(R"("3000":{"label":"web","onAutoForward":"silent"})");
  const Wish wish = decide(rules, {{listener("127.0.0.1", 3000)}, {}, {}, ""});
  EXPECT_EQ(wish.ports[0].attributes, rules.attributes.match(3000, "", "").attributes);
  EXPECT_EQ(wish.ports[0].attributes.label, "web");
  EXPECT_TRUE(wish.ports[0].forwarded());
}

TEST(Policy, SortsByPortThenService) {
  ForwardingRules rules;
  rules.declared = {{9000, "", 0}, {5432, "db", 0}, {5432, "cache", 0}, {5432, "", 0}};
  const Wish wish = decide(rules, {{listener("::", 7000), listener("0.0.0.0", 100)}, {}, {}, ""});
  std::vector<std::pair<std::uint16_t, std::string>> order;
  for (const DesiredPort& port : wish.ports) order.emplace_back(port.container_port, port.service);
  EXPECT_EQ(order,
            (std::vector<std::pair<std::uint16_t, std::string>>{
                {100, ""}, {5432, ""}, {5432, "cache"}, {5432, "db"}, {7000, ""}, {9000, ""}}));
}

// --- The cap ---

PolicyInput many(std::uint16_t first, std::uint16_t last) {
  PolicyInput input;
  for (unsigned port = first; port <= last; ++port) {
    input.listeners.push_back(listener("0.0.0.0", static_cast<std::uint16_t>(port)));
  }
  return input;
}

TEST(Policy, ForwardsNoMoreThanTheCapInAscendingOrder) {
  ForwardingRules rules;
  rules.max_auto_forwards = 3;
  const Wish wish = decide(rules, many(1000, 1004));
  EXPECT_EQ(forwarded(wish), (Ports{1000, 1001, 1002}));
  EXPECT_EQ(wish.over_the_cap, 2U);
  EXPECT_EQ(wish.ports.size(), 5U);
  EXPECT_EQ(find(wish, 1004)->refusal, Refusal::kOverCap);
  EXPECT_EQ(find(wish, 1004)->reason,
            "more than 3 automatic forwards (raise it with --max-auto-forwards)");
}

TEST(Policy, ExactlyTheCapIsNotTooMany) {
  ForwardingRules rules;
  rules.max_auto_forwards = 5;
  const Wish wish = decide(rules, many(1000, 1004));
  EXPECT_EQ(forwarded(wish).size(), 5U);
  EXPECT_EQ(wish.over_the_cap, 0U);
}

TEST(Policy, PortsThatHaveAPlaceKeepIt) {
  ForwardingRules rules;
  rules.max_auto_forwards = 3;
  PolicyInput input = many(1000, 1005);
  input.forwarded_now = {1003, 1005};
  EXPECT_EQ(forwarded(decide(rules, input)), (Ports{1000, 1003, 1005}));
}

TEST(Policy, ALoweredCapTakesPlacesAwayFromTheHighest) {
  ForwardingRules rules;
  rules.max_auto_forwards = 2;
  PolicyInput input = many(1000, 1003);
  input.forwarded_now = {1000, 1001, 1002, 1003};
  const Wish wish = decide(rules, input);
  EXPECT_EQ(forwarded(wish), (Ports{1000, 1001}));
  EXPECT_EQ(wish.over_the_cap, 2U);
}

TEST(Policy, DeclaredIgnoredAndPublishedPortsTakeNoPlace) {
  ForwardingRules rules;
  rules.max_auto_forwards = 1;
  rules.declared = {{1000, "", 0}, {1001, "", 0}};
  rules.attributes = ignored(1002);
  PolicyInput input = many(1000, 1005);
  input.published = {{1003, at("0.0.0.0", 1003)}};
  const Wish wish = decide(rules, input);
  EXPECT_EQ(forwarded(wish), (Ports{1000, 1001, 1004}));
  EXPECT_EQ(wish.over_the_cap, 1U);
}

TEST(Policy, ACapOfNothingForwardsDeclaredPortsOnly) {
  ForwardingRules rules;
  rules.max_auto_forwards = 0;
  rules.declared = {{1001, "", 0}};
  EXPECT_EQ(forwarded(decide(rules, many(1000, 1002))), Ports{1001});
}

// --- Where to dial ---

TEST(Policy, DialsInTheOrderOfTheSpecification) {
  struct Case {
    std::vector<Listener> listeners;
    Targets targets;
    const char* address;
  };
  const Case cases[] = {
      {{listener("127.0.0.1", 80)}, {at("127.0.0.1", 80)}, "127.0.0.1"},
      {{listener("0.0.0.0", 80)}, {at("127.0.0.1", 80)}, "0.0.0.0"},
      {{listener("::", 80)}, {at("::1", 80), at("127.0.0.1", 80)}, "::"},
      {{listener("::", 80, true)}, {at("::1", 80)}, "::"},
      {{listener("::1", 80)}, {at("::1", 80)}, "::1"},
      {{listener("127.0.0.5", 80)}, {at("127.0.0.5", 80)}, "127.0.0.5"},
      {{listener("172.17.0.2", 80)}, {at("172.17.0.2", 80)}, "172.17.0.2"},
      {{listener("::1", 80), listener("127.0.0.1", 80)},
       {at("127.0.0.1", 80), at("::1", 80)},
       "127.0.0.1"},
      {{listener("::", 80, true), listener("0.0.0.0", 80)},
       {at("127.0.0.1", 80), at("::1", 80)},
       "0.0.0.0"},
      {{listener("172.17.0.2", 80), listener("127.0.0.9", 80), listener("::", 80, true),
        listener("::1", 80), listener("0.0.0.0", 80), listener("127.0.0.1", 80)},
       {at("127.0.0.1", 80), at("::1", 80), at("127.0.0.9", 80), at("172.17.0.2", 80)},
       "127.0.0.1"},
      {{listener("172.17.0.2", 80), listener("::", 80)},
       {at("::1", 80), at("127.0.0.1", 80), at("172.17.0.2", 80)},
       "::"},
  };
  for (const Case& item : cases) {
    const Wish wish = decide({}, {item.listeners, {}, {}, ""});
    ASSERT_EQ(wish.ports.size(), 1U);
    EXPECT_EQ(wish.ports[0].targets, item.targets) << item.address;
    EXPECT_EQ(wish.ports[0].address.to_string(), item.address);
  }
}

TEST(DialTargets, AreBothLoopbacksIfNobodyListens) {
  EXPECT_EQ(dial_targets(80, {}), (Targets{at("::1", 80), at("127.0.0.1", 80)}));
}

TEST(DialTargets, NameEachAddressOnce) {
  EXPECT_EQ(dial_targets(80, {listener("127.0.0.1", 80), listener("0.0.0.0", 80),
                              listener("::", 80), listener("::1", 80)}),
            (Targets{at("127.0.0.1", 80), at("::1", 80)}));
}

}  // namespace
}  // namespace fairlead::daemon
