#include "relay/nat/guard_ledger.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace fairlead::relay {
namespace {

// As nft prints it.
std::string rule(const std::string& chain, const std::string& bridge, const std::string& rest) {
  return R"({"rule":{"family":"ip","table":"fairlead-guard","chain":")" + chain +
         R"(","handle":4,"expr":[{"match":{"op":"==","left":{"meta":{"key":"iifname"}},"right":")" +
         bridge + "\"}}" + rest + "}}";
}
std::string drop(const std::string& bridge, const std::string& side, const std::string& comment) {
  return rule("prerouting", bridge,
              R"(,{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":")" + side +
                  R"("}},"right":{"prefix":{"addr":"127.0.0.0","len":8}}}},{"drop":null}])" +
                  (comment.empty() ? "" : R"(,"comment":")" + comment + "\""));
}
std::string input(const std::string& bridge) {
  return rule(
      "input", bridge,
      R"(,{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"daddr"}},"right":)"
      R"({"prefix":{"addr":"127.0.0.0","len":8}}}},{"match":{"op":"==","left":{"ct":)"
      R"({"key":"direction"}},"right":"original"}},{"drop":null}])");
}
std::string owner(const std::string& bridge, const std::string& words) {
  return rule("owners", bridge, R"(],"comment":")" + words + "\"");
}
std::string listing(const std::vector<std::string>& rules) {
  std::string text = R"({"nftables":[{"metainfo":{"version":"1.0.6"}},)"
                     R"({"table":{"family":"ip","name":"fairlead-guard","handle":1}})";
  for (const std::string& one : rules) text += "," + one;
  return text + "]}";
}

TEST(GuardLedger, IsReadFromTheTable) {
  const auto ledger =
      parse_guard(listing({drop("br1", "daddr", ""), drop("br1", "saddr", ""), input("br1"),
                           drop("br2", "daddr", ""), drop("br2", "saddr", ""), input("br2"),
                           owner("br1", "fairlead-a pid 12"), owner("br1", "fairlead-b pid 13")}));
  ASSERT_TRUE(ledger);
  GuardLedger wanted;
  wanted.enter("br1", {"fairlead-a", 12});
  wanted.enter("br1", {"fairlead-b", 13});
  wanted.bridges["br2"];
  EXPECT_EQ(*ledger, wanted);
  EXPECT_TRUE(ledger->has("br1", "fairlead-b"));
}

TEST(GuardLedger, HalfAGuardIsKnownAndIsNone) {
  const std::vector<std::string> rules{drop("br1", "daddr", ""), drop("br1", "saddr", ""),
                                       input("br1")};
  for (std::size_t missing = 0; missing < rules.size(); ++missing) {
    std::vector<std::string> left = rules;
    left.erase(left.begin() + static_cast<std::ptrdiff_t>(missing));
    left.push_back(owner("br1", "fairlead-a pid 12"));
    const auto ledger = parse_guard(listing(left));
    ASSERT_TRUE(ledger);
    EXPECT_FALSE(ledger->has("br1", "fairlead-a")) << missing;
    EXPECT_EQ(ledger->bridges.at("br1").owners.size(), 1U) << missing;
  }
}

TEST(GuardLedger, WhatCannotBeReadIsPassedOver) {
  const auto ledger = parse_guard(listing(
      {drop("br1", "daddr", "some words"), drop("br1", "saddr", ""), input("br1"),
       owner("br1", "fairlead-a pid x"), owner("br1", "pid 12"), owner("br1", "a; b pid 12")}));
  ASSERT_TRUE(ledger);
  GuardLedger nobodys;
  nobodys.bridges["br1"];
  EXPECT_EQ(*ledger, nobodys);
}

TEST(GuardLedger, WhatIsNoListingIsAnError) {
  for (const char* text : {"", "{", "[]", "{}", R"({"nftables":1})", R"({"nftables":[{"rule":1}]})",
                           R"({"nftables":[{"rule":{"chain":1}}]})",
                           R"({"nftables":[{"rule":{"expr":[{"match":{"left":{"meta":1}}}]}}]})"}) {
    const auto ledger = parse_guard(text);
    ASSERT_FALSE(ledger) << text;
    EXPECT_EQ(ledger.error().code.value(), EBADMSG) << text;
  }
  EXPECT_TRUE(parse_guard(R"({"nftables":[1,{},{"rule":{"expr":[1,{"match":1}]}}]})"));
}

TEST(GuardLedger, IsNeededAsLongAsOneLives) {
  GuardLedger ledger;
  ledger.enter("br1", {"fairlead-a", 1});
  ledger.enter("br1", {"fairlead-b", 2});
  ledger.enter("br1", {"fairlead-b", 2});
  EXPECT_EQ(ledger.bridges.at("br1").owners.size(), 2U);
  EXPECT_TRUE(ledger.take_idle().empty());
  ledger.leave("br1", "fairlead-a");
  ledger.leave("br7", "fairlead-a");
  EXPECT_TRUE(ledger.take_idle().empty());
  ledger.prune({"fairlead-a", "filter"});
  EXPECT_EQ(ledger.take_idle(), std::set<std::string>{"br1"});
  EXPECT_TRUE(ledger.bridges.empty());
}

TEST(GuardLedger, IsWrittenAsAWhole) {
  EXPECT_EQ(render_guard({}), "add table ip fairlead-guard\ndelete table ip fairlead-guard\n");
  GuardLedger ledger;
  ledger.enter("br1", {"fairlead-a", 12});
  EXPECT_EQ(render_guard(ledger), R"(add table ip fairlead-guard
delete table ip fairlead-guard
table ip fairlead-guard {
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    iifname "br1" ip daddr 127.0.0.0/8 drop
    iifname "br1" ip saddr 127.0.0.0/8 drop
  }
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "br1" ip daddr 127.0.0.0/8 ct direction original drop
  }
  chain owners {
    iifname "br1" comment "fairlead-a pid 12"
  }
}
)");
}

TEST(GuardLedger, KnowsTheNamesItCanSay) {
  for (const char* name : {"br0", "docker0", "br-01c30271372b", "veth1@if2", "eth0.7"}) {
    EXPECT_TRUE(can_be_said(name)) << name;
  }
  for (const char* name : {"", "br\"", "br*", "a b", "br;", "b\n", "\xc3\xa4"}) {
    EXPECT_FALSE(can_be_said(name)) << name;
  }
}

}  // namespace
}  // namespace fairlead::relay
