// Backend `nft` of relay `nat`: what it changes in this host's network, that others are left as
// they were, and what happens when somebody takes a part of it away.
#include <sys/resource.h>

#include <tuple>

#include "relay/nat/conntrack.h"
#include "relay/nat/end_connections.h"
#include "relay/nat/nft_context.h"
#include "tests/netns/intruder.h"
#include "tests/netns/nat_network.h"

namespace fairlead::testing {
namespace {

using base::UniqueFd;
using relay::Guard;
using relay::NftContext;

std::string ruleset() { return output_of("nft list ruleset"); }
bool has_guard() { return ruleset().find("table ip fairlead-guard {") != std::string::npos; }
std::string translated() { return output_of("grep -c dst=127.0.0.1 /proc/net/nf_conntrack"); }

class NftTableTest : public NatNetwork {
 protected:
  void SetUp() override {
    NatNetwork::SetUp();
    ASSERT_EQ(ruleset(), "") << "the last test has left something";
  }
  static std::unique_ptr<relay::KernelTable> table() { return make_table(Backend::kNft); }
};

TEST_F(NftTableTest, EverythingIsAsBeforeWhenItHasGone) {
  ASSERT_TRUE(
      run("nft 'table inet other { chain input { type filter hook input priority 0; "
          "iifname \"br7\" counter; }; set some { type ipv4_addr; elements = "
          "{ 10.0.0.1 }; }; }'"));
  const std::string others = output_of("nft -s list table inet other");
  const std::string settings = output_of("grep -r . /proc/sys/net/ipv4/conf");
  auto one = table();
  ASSERT_TRUE(one);
  ASSERT_TRUE(one->set(key_, target_));
  EXPECT_EQ(outcome(), "there");
  EXPECT_EQ(route_localnet(), "1\n");
  EXPECT_TRUE(has_guard());
  EXPECT_EQ(output_of("nft -s list table inet other"), others);
  one.reset();
  EXPECT_EQ(output_of("nft -s list ruleset"), others);
  EXPECT_EQ(output_of("grep -r . /proc/sys/net/ipv4/conf"), settings);
  EXPECT_EQ(translated(), "0\n");
  run("nft delete table inet other");
}

TEST_F(NftTableTest, EndsItsConnectionsWhenItGoes) {
  auto one = table();
  ASSERT_TRUE(one);
  ASSERT_TRUE(one->set(key_, target_));
  const UniqueFd client = dial(key_.endpoint);
  const UniqueFd served(accept4(there_.descriptor.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(served);
  // Taken back, no new one goes there, and what was there stays.
  one->remove(key_);
  ASSERT_EQ(send(client.get(), "on", 2, MSG_NOSIGNAL), 2);
  char buffer[2];
  ASSERT_EQ(recv(served.get(), buffer, 2, MSG_WAITALL), 2);
  one.reset();
  EXPECT_EQ(recv(client.get(), buffer, 2, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, ECONNABORTED);
  EXPECT_EQ(recv(served.get(), buffer, 2, MSG_DONTWAIT), -1) << "it has not come there";
}

TEST_F(NftTableTest, TheGuardComesBackAfterSomebodyHasEmptiedTheRuleset) {
  auto beside = add_neighbour("veth8", "10.99.7.3");
  ASSERT_TRUE(beside);
  Intruders intruders;
  intruders.send_from(*beside, "10.99.7.1");
  auto one = table();
  auto two = table();
  ASSERT_TRUE(one && two);
  ASSERT_TRUE(one->set(key_, target_));
  ASSERT_TRUE(one->check());
  const std::string before = output_of("nft -s list table ip fairlead-guard");
  ASSERT_TRUE(run("nft flush ruleset"));
  EXPECT_FALSE(has_guard());
  EXPECT_EQ(outcome(), "there") << "it goes on";
  EXPECT_TRUE(intruders.got_in().empty());
  ASSERT_TRUE(readable(one->changes()));
  ASSERT_TRUE(readable(two->changes()));
  EXPECT_TRUE(one->check());
  EXPECT_TRUE(two->check());
  EXPECT_EQ(output_of("nft -s list table ip fairlead-guard"), before);
  one.reset();
  EXPECT_EQ(route_localnet(), "1\n") << "the other one wants it";
  EXPECT_TRUE(intruders.got_in().empty());
  two.reset();
  EXPECT_EQ(route_localnet(), "0\n");
  EXPECT_EQ(ruleset(), "");
  EXPECT_TRUE(intruders.got_in().empty());
  run("ip link delete veth8");
}

// A rule of somebody else that turns a port of this host's to its loopback reaches nowhere as long
// as route_localnet is lowered, and must not while it is raised.
TEST_F(NftTableTest, WhatSomebodyElseTurnsToTheLoopbackStaysUnreachable) {
  const UniqueFd server = listen_here();
  const std::string port = std::to_string(base::local_endpoint(server)->port);
  ASSERT_TRUE(
      run("nft 'table ip other { chain prerouting { type nat hook prerouting priority -100; "
          "tcp dport 8080 dnat to 127.0.0.1:" +
          port + "; }; }'"));
  auto one = table();
  ASSERT_TRUE(one);
  const auto dial_from_inside = [&](const std::string& patience = "0.5") {
    return run(in_network(space_->pid(), "timeout " + patience +
                                             " bash -c ': </dev/tcp/10.99.7.1/8080' 2>/dev/null"));
  };
  EXPECT_FALSE(dial_from_inside());
  // Who has a guard in neither table sees that the rule is one.
  ASSERT_TRUE(run("nft delete table ip fairlead-guard"));
  EXPECT_FALSE(dial_from_inside());
  one.reset();
  set_route_localnet(true);
  EXPECT_TRUE(dial_from_inside("60")) << "no test";
  set_route_localnet(false);
  run("nft delete table ip other");
}

// Between the emptying of the ruleset and its mending somebody comes, who finds the bridge raised.
TEST_F(NftTableTest, WhoComesInBetweenDoesNotTakeItForSomebodyElses) {
  for (const bool first_leaves : {true, false}) {
    auto one = table();
    ASSERT_TRUE(one);
    ASSERT_TRUE(run("nft flush ruleset"));
    auto two = table();
    ASSERT_TRUE(two);
    if (!first_leaves) {
      EXPECT_TRUE(one->check());
    }
    one.reset();
    EXPECT_EQ(route_localnet(), "1\n");
    EXPECT_TRUE(two->check());
    two.reset();
    EXPECT_EQ(route_localnet(), "0\n");
    EXPECT_EQ(ruleset(), "");
  }
}

TEST_F(NftTableTest, ItIsLoweredWhereItCannotBeTakenOutOfTheGuard) {
  auto other = NftContext::create();
  ASSERT_TRUE(other);
  auto one = table();
  ASSERT_TRUE(one);
  ASSERT_TRUE(run("nft flush ruleset"));
  ASSERT_TRUE(other->run("create table ip fairlead-guard-lock { flags owner; }"));
  one.reset();
  EXPECT_EQ(route_localnet(), "0\n");
  ASSERT_TRUE(other->run("delete table ip fairlead-guard-lock"));
  ASSERT_TRUE(Guard::settle(*other));
  EXPECT_EQ(ruleset(), "");
}

TEST_F(NftTableTest, WithoutDescriptorsItIsNeverLeftRaisedWithoutAGuard) {
  Forked poor([&] {
    auto one = create_table(Backend::kNft);
    if (!one) return 1;
    const rlimit nothing{0, 0};
    setrlimit(RLIMIT_NOFILE, &nothing);
    if (!(*one)->check()) return 2;
    one->reset();
    return 0;
  });
  EXPECT_EQ(poor.wait(), 0);
  EXPECT_EQ(route_localnet(), "0\n");
  auto nft = NftContext::create();
  ASSERT_TRUE(nft && Guard::settle(*nft));
  EXPECT_EQ(ruleset(), "");
}

// As when a Compose project is taken down by somebody else: its network goes with its containers.
TEST_F(NftTableTest, NothingIsLeftOfABridgeThatHasGone) {
  auto one = table();
  ASSERT_TRUE(one);
  ASSERT_TRUE(one->set(key_, target_));
  ASSERT_TRUE(run("ip link delete br7"));
  EXPECT_FALSE(one->check());
  one.reset();
  EXPECT_EQ(ruleset(), "");
}

TEST_F(NftTableTest, ABridgeThatLostARuleIsStillKnown) {
  auto one = table();
  ASSERT_TRUE(one);
  const std::string before = output_of("nft -s list table ip fairlead-guard");
  ASSERT_TRUE(run("nft delete chain ip fairlead-guard input"));
  ASSERT_TRUE(readable(one->changes()));
  EXPECT_TRUE(one->check());
  EXPECT_EQ(output_of("nft -s list table ip fairlead-guard"), before);
  ASSERT_TRUE(run("nft delete chain ip fairlead-guard input"));
  one.reset();
  EXPECT_EQ(route_localnet(), "0\n");
  EXPECT_EQ(ruleset(), "");
}

TEST_F(NftTableTest, OthersConnectionsAndListenersAreLeftAlone) {
  auto one = table();
  ASSERT_TRUE(one);
  ASSERT_TRUE(one->set(key_, target_));
  // Somebody else sends to the same container.
  ASSERT_TRUE(
      run("nft 'table ip other { chain output { type nat hook output priority -101; "
          "ip daddr 127.0.0.1 tcp dport 9999 dnat to 10.99.7.2:" +
          std::to_string(target_.port) + "; }; }'"));
  const UniqueFd foreign = dial({base::IpAddress::loopback4(), 9999});
  ASSERT_TRUE(foreign);
  // The client has gone, and on its port somebody listens.
  UniqueFd client = dial(key_.endpoint);
  ASSERT_TRUE(client);
  const base::Endpoint port = *base::local_endpoint(client);
  base::reset_now(client.get());
  client.reset();
  const auto listener = base::listen_tcp(port, 4);
  ASSERT_TRUE(listener) << listener.error().message();
  const auto one_of_ports = base::listen_tcp({base::IpAddress::v4(0), 1}, 4);
  ASSERT_TRUE(one_of_ports);
  ASSERT_TRUE(relay::can_end_connections());
  ASSERT_TRUE(relay::end_connections({{port, key_.endpoint}}));
  one.reset();
  char byte = 0;
  EXPECT_EQ(recv(foreign.get(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_TRUE(dial(port));
  EXPECT_TRUE(dial({base::IpAddress::loopback4(), 1}));
  run("nft delete table ip other");
}

TEST_F(NftTableTest, AKilledOneLeavesTheGuardUntilSomebodySettlesIt) {
  UniqueFd ready, told;
  std::tie(ready, told) = *base::make_pipe();
  Forked holder([&] {
    const auto own = create_table(Backend::kNft);
    if (!own || write(told.get(), "x", 1) != 1) return 1;
    pause();
    return 0;
  });
  ASSERT_TRUE(readable(ready.get()));
  auto nft = NftContext::create();
  ASSERT_TRUE(nft);
  EXPECT_TRUE(Guard::settle(*nft)->empty()) << "it lives";
  kill(holder.pid(), SIGKILL);
  holder.wait();
  EXPECT_EQ(route_localnet(), "1\n");
  EXPECT_TRUE(has_guard());
  const auto left = Guard::look(*nft);
  ASSERT_TRUE(left);
  ASSERT_EQ(left->ledger.bridges.at(kBridge).owners.size(), 1U);
  EXPECT_EQ(left->ledger.bridges.at(kBridge).owners[0].pid, holder.pid());
  const auto settled = Guard::settle(*nft);
  ASSERT_TRUE(settled);
  EXPECT_EQ(settled->size(), 1U);
  EXPECT_EQ(route_localnet(), "0\n");
  EXPECT_EQ(ruleset(), "");
}

// For a purpose of his own, which a guard may be in the way of; others who start are no sign that
// it is one of us.
TEST_F(NftTableTest, WhatSomebodyElseHasRaisedIsLeftToHim) {
  auto nft = NftContext::create();
  ASSERT_TRUE(nft);
  ASSERT_TRUE(nft->run("create table ip fairlead-0123456789abcdef { flags owner; }"));
  set_route_localnet(true);
  const auto refused = create_table(Backend::kNft);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("route_localnet of br7 is 1 already"), std::string::npos)
      << refused.error().message();
  EXPECT_EQ(route_localnet(), "1\n");
  EXPECT_FALSE(has_guard());
  set_route_localnet(false);
}

TEST_F(NftTableTest, NoticesThatTheSettingWasLowered) {
  auto one = table();
  ASSERT_TRUE(one);
  ASSERT_TRUE(one->set(key_, target_));
  set_route_localnet(false);
  const auto checked = one->check();
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message().find("switched off"), std::string::npos);
  one.reset();
  EXPECT_EQ(outcome(), "here");
  EXPECT_EQ(route_localnet(), "0\n");
}

TEST_F(NftTableTest, WhereEveryInterfaceHasItRaisedItRefuses) {
  ASSERT_TRUE(run("echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet"));
  const auto refused = create_table(Backend::kNft);
  run("echo 0 >/proc/sys/net/ipv4/conf/all/route_localnet");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("all.route_localnet"), std::string::npos);
  EXPECT_EQ(ruleset(), "");
}

TEST_F(NftTableTest, SomebodyWhoKeepsTheLockIsNamed) {
  auto other = NftContext::create();
  ASSERT_TRUE(other);
  ASSERT_TRUE(other->run("create table ip fairlead-guard-lock { flags owner; }"));
  const auto refused = create_table(Backend::kNft);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("fairlead-guard-lock"), std::string::npos);
  EXPECT_EQ(route_localnet(), "0\n");
  ASSERT_TRUE(other->run("delete table ip fairlead-guard-lock"));
  EXPECT_EQ(ruleset(), "");
}

TEST_F(NftTableTest, ManyComeAndGoAtOnce) {
  std::vector<std::unique_ptr<Forked>> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(std::make_unique<Forked>([] {
      for (int round = 0; round < 5; ++round) {
        const auto own = create_table(Backend::kNft);
        if (!own) {
          std::fprintf(stderr, "%s\n", own.error().message().c_str());
          return 1;
        }
        if (!(*own)->check() || route_localnet() != "1\n" || !has_guard()) return 2;
      }
      return 0;
    }));
  }
  for (const auto& one : all) EXPECT_EQ(one->wait(), 0);
  EXPECT_EQ(route_localnet(), "0\n");
  EXPECT_EQ(ruleset(), "");
}

TEST_F(NftTableTest, ConnectionsAreForgottenByAddress) {
  auto one = table();
  ASSERT_TRUE(one);
  ASSERT_TRUE(one->set(key_, target_));
  const UniqueFd client = dial(key_.endpoint);
  ASSERT_TRUE(client);
  const auto all = [](const auto&) { return true; };
  const auto none = [](const auto&) { return false; };
  EXPECT_TRUE(relay::forget_connections(kOurs, all)->empty());
  EXPECT_TRUE(relay::forget_connections(kContainers, none)->empty());
  const auto own = relay::forget_connections(kContainers, all);
  ASSERT_TRUE(own) << own.error().message();
  ASSERT_EQ(own->size(), 1U);
  EXPECT_EQ(own->front().protocol, relay::KernelTable::Protocol::kTcp);
  EXPECT_EQ(own->front().client, *base::local_endpoint(client));
  EXPECT_EQ(own->front().server, key_.endpoint);
}

TEST_F(NftTableTest, NamesThatCannotBeSaidAreRefused) {
  EXPECT_FALSE(relay::NftTable::create("br\" }"));
  EXPECT_FALSE(relay::NftTable::create("nowhere")) << "no such bridge";
  EXPECT_EQ(ruleset(), "");
}

}  // namespace
}  // namespace fairlead::testing
