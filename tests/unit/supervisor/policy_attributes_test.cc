// SPEC.md "Policy": what attributes, processes and other hosts do to it.
#include <gtest/gtest.h>

#include "supervisor/daemon/policy.h"

namespace fairlead::daemon {
namespace {

using base::IpAddress;
using config::Json;

detect::Listener listener(std::uint16_t port, std::uint64_t inode) {
  return {{IpAddress::loopback4(), port}, false, 0, inode};
}

ForwardingRules with_attributes(const char* ports, const char* other = nullptr) {
  ForwardingRules rules;
  std::vector<std::string> warnings;
  const Json ports_json = Json::parse(ports);
  const Json other_json = other != nullptr ? Json::parse(other) : Json();
  rules.attributes = config::PortsAttributes::parse(
                         &ports_json, other != nullptr ? &other_json : nullptr, warnings)
                         .value();
  EXPECT_TRUE(warnings.empty());
  return rules;
}

PolicyInput input(std::vector<detect::Listener> listeners) {
  return {std::move(listeners), {}, {}, ""};
}

TEST(PolicyAttributes, AnExpressionWaitsForTheProcess) {
  const ForwardingRules rules = with_attributes(R"({"node .*debug":{"onAutoForward":"ignore"}})");
  PolicyInput seen = input({listener(9229, 7)});
  std::optional<detect::OwnerProcess> owner;
  seen.owner_of = [&](std::uint64_t inode) {
    EXPECT_EQ(inode, 7U);
    return owner;
  };
  Wish wish = decide(rules, seen);
  ASSERT_EQ(wish.ports.size(), 1U);
  EXPECT_TRUE(wish.ports[0].undecided);
  EXPECT_TRUE(wish.ports[0].forwarded());

  owner = detect::OwnerProcess{42, "node --inspect debug.js"};
  wish = decide(rules, seen);
  EXPECT_FALSE(wish.ports[0].undecided);
  EXPECT_EQ(wish.ports[0].refusal, Refusal::kIgnored);
  EXPECT_NE(wish.ports[0].reason.find("node .*debug"), std::string::npos);
  EXPECT_EQ(wish.ports[0].process.pid, 42);

  owner = detect::OwnerProcess{};  // cannot be seen
  wish = decide(rules, seen);
  EXPECT_FALSE(wish.ports[0].undecided);
  EXPECT_TRUE(wish.ports[0].forwarded());
}

TEST(PolicyAttributes, OtherPortsAttributesDoNotCountBeforeTheProcessIsKnown) {
  const ForwardingRules rules =
      with_attributes(R"({"vite":{"label":"web"}})", R"({"onAutoForward":"ignore"})");
  PolicyInput seen = input({listener(3000, 7)});
  std::optional<detect::OwnerProcess> owner;
  seen.owner_of = [&](std::uint64_t) { return owner; };
  EXPECT_TRUE(decide(rules, seen).ports[0].forwarded());
  owner = detect::OwnerProcess{42, "node vite"};
  EXPECT_TRUE(decide(rules, seen).ports[0].forwarded());
  owner = detect::OwnerProcess{42, "python"};
  const Wish wish = decide(rules, seen);
  EXPECT_EQ(wish.ports[0].reason, "onAutoForward is \"ignore\" (otherPortsAttributes)");
}

TEST(PolicyAttributes, WithoutExpressionsNobodyWaits) {
  PolicyInput seen = input({listener(3000, 7)});
  seen.owner_of = [](std::uint64_t) -> std::optional<detect::OwnerProcess> { return {}; };
  const Wish wish = decide(with_attributes(R"({"3000":{"label":"web"}})"), seen);
  EXPECT_FALSE(wish.ports[0].undecided);
  EXPECT_EQ(wish.ports[0].attributes.label, "web");
}

TEST(PolicyAttributes, WishedHostPortsComeFromSettingsUnlessDeclaredOtherwise) {
  ForwardingRules rules;
  rules.host_ports = {{3000, 13000}, {3001, 13001}};
  rules.declared = {{3001, "", 8080}, {3002, "", 0}};
  const Wish wish = decide(rules, input({listener(3000, 1), listener(3001, 2)}));
  ASSERT_EQ(wish.ports.size(), 3U);
  EXPECT_EQ(wish.ports[0].wished_host, 13000);
  EXPECT_EQ(wish.ports[1].wished_host, 8080);
  EXPECT_EQ(wish.ports[2].wished_host, 0);
}

TEST(PolicyOtherHosts, AreDialledWhereTheContainerFindsThem) {
  ForwardingRules rules;
  rules.declared = {{5432, "db", 0}, {5432, "cache", 15432}, {5432, "", 0}};
  PolicyInput seen = input({listener(5432, 3)});
  seen.services["db"] = {true, {IpAddress::v4(0xac120003)}, ""};
  seen.services["cache"] = {true, {IpAddress::loopback6(), IpAddress::v4(0xac120004)}, ""};
  const Wish wish = decide(rules, seen);
  ASSERT_EQ(wish.ports.size(), 3U);
  EXPECT_EQ(wish.ports[0].key(), PortKey(5432));
  EXPECT_EQ(wish.ports[1].key(), PortKey(5432, "cache"));
  EXPECT_EQ(wish.ports[1].wished_host, 15432);
  ASSERT_EQ(wish.ports[1].targets.size(), 2U);
  EXPECT_EQ(wish.ports[1].targets[1].to_string(), "172.18.0.4:5432");
  EXPECT_EQ(wish.ports[2].targets[0].to_string(), "172.18.0.3:5432");
  EXPECT_TRUE(wish.ports[2].listening);
  EXPECT_EQ(wish.ports[2].reason, "declared; db is 172.18.0.3");
}

TEST(PolicyOtherHosts, AreUndecidedUntilLookedUpAndHeldIfMissing) {
  ForwardingRules rules;
  rules.declared = {{5432, "db", 0}};
  PolicyInput seen = input({});
  EXPECT_TRUE(decide(rules, seen).ports[0].undecided);
  seen.services["db"] = {true, {}, "no host \"db\""};
  const Wish wish = decide(rules, seen);
  EXPECT_TRUE(wish.ports[0].forwarded());
  EXPECT_FALSE(wish.ports[0].undecided);
  EXPECT_FALSE(wish.ports[0].listening);
  EXPECT_TRUE(wish.ports[0].targets.empty());
  EXPECT_EQ(wish.ports[0].reason, "declared; no host \"db\"");
}

TEST(PolicyOtherHosts, AServicesOwnPortsAreItsOwn) {
  ForwardingRules rules;
  rules.service = "db";
  rules.declared = {{5432, "db", 0}, {6379, "cache", 0}};
  EXPECT_EQ(declared_services(rules), std::set<std::string>{"cache"});
  const Wish wish = decide(rules, input({listener(5432, 3)}));
  EXPECT_EQ(wish.ports[0].key(), PortKey(5432));
  EXPECT_TRUE(wish.ports[0].declared);
  EXPECT_TRUE(wish.ports[0].listening);
}

}  // namespace
}  // namespace fairlead::daemon
