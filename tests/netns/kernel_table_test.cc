// Relay `nat`: what both backends do alike, with packets, and who does not get in by either.
#include <random>
#include <tuple>

#include "relay/nat/local_route.h"
#include "tests/netns/intruder.h"
#include "tests/netns/nat_network.h"

namespace fairlead::testing {
namespace {

using base::Endpoint;
using base::IpAddress;
using base::UniqueFd;

constexpr int kKills = 200;

class KernelTableTest : public NatNetwork, public ::testing::WithParamInterface<Backend> {
 protected:
  auto table() { return make_table(GetParam()); }

  // A process of its own that has the table until it is killed.
  int hold(int told) {
    const auto own = create_table(GetParam());
    if (!own || !(*own)->set(key_, target_)) return 1;
    if (write(told, "x", 1) != 1) return 1;
    pause();
    return 0;
  }
};

TEST_P(KernelTableTest, SendsNewConnectionsThereUntilItIsTakenBack) {
  const auto one = table();
  ASSERT_TRUE(one);
  EXPECT_EQ(outcome(), "here");
  ASSERT_TRUE(one->set(key_, target_));
  EXPECT_EQ(outcome(), "there");
  EXPECT_EQ(outcome(), "there");
  EXPECT_EQ(one->connections(key_), 2U);
  one->remove(key_);
  EXPECT_EQ(outcome(), "here");
  EXPECT_EQ(one->connections(key_), 0U);
  one->remove(key_);
  EXPECT_TRUE(one->check());
}

TEST_P(KernelTableTest, SendsElsewhereFromTheNextConnectionOn) {
  const auto one = table();
  ASSERT_TRUE(one);
  const RemoteListener other = listen_there("10.99.7.2");
  ASSERT_TRUE(one->set(key_, {kContainers, other.endpoint.port}));
  const UniqueFd first = dial(key_.endpoint);
  ASSERT_TRUE(first);
  EXPECT_TRUE(readable(other.descriptor.get()));
  ASSERT_TRUE(one->set(key_, target_));
  EXPECT_EQ(outcome(), "there");
}

TEST_P(KernelTableTest, LeavesOthersAlone) {
  const auto one = table();
  ASSERT_TRUE(one);
  ASSERT_TRUE(one->set(key_, target_));
  const Endpoint second{*IpAddress::parse("127.0.0.2"), key_.endpoint.port};
  EXPECT_EQ(outcome(dial(second)), "refused") << "another address of the loopback";
  // Another network below the same control group: its loopback is its own.
  Forked stranger([&] {
    if (unshare(CLONE_NEWNET) != 0) return 1;
    return dial(key_.endpoint) ? 2 : 0;
  });
  EXPECT_EQ(stranger.wait(), 0);
  EXPECT_EQ(one->connections(key_), 0U);
}

TEST_P(KernelTableTest, NewConnectionsAreTheListenersWhenItGoesWhichEverWay) {
  auto one = table();
  ASSERT_TRUE(one);
  ASSERT_TRUE(one->set(key_, target_));
  EXPECT_EQ(outcome(), "there");
  one.reset();
  EXPECT_EQ(outcome(), "here");

  UniqueFd ready, told;
  std::tie(ready, told) = *base::make_pipe();
  Forked holder([&] { return hold(told.get()); });
  ASSERT_TRUE(readable(ready.get()));
  EXPECT_EQ(outcome(), "there");
  kill(holder.pid(), SIGKILL);
  holder.wait();
  EXPECT_EQ(outcome(), "here");
}

// What is on its way when the address passes on is neither answered by its next owner nor left to
// wait.
TEST_P(KernelTableTest, EndsWhatWasOnItsWay) {
  const auto one = table();
  ASSERT_TRUE(one);
  ASSERT_TRUE(one->set(key_, target_));
  const UniqueFd waiting = dial(key_.endpoint);
  ASSERT_TRUE(waiting);
  // Gone, and nobody says so: a SYN stays without an answer.
  ASSERT_TRUE(run(in_network(space_->pid(), "ip link set eth0 down") +
                  " && ip neighbour replace 10.99.7.2 lladdr 02:00:00:00:00:01 dev br7"));
  const UniqueFd fresh(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const base::SocketAddress address = base::to_socket_address(key_.endpoint);
  ASSERT_EQ(connect(fresh.get(), address.get(), address.length), -1);
  ASSERT_EQ(errno, EINPROGRESS);
  one->end();
  for (const UniqueFd* client : {&waiting, &fresh}) {
    pollfd end{client->get(), POLLIN, 0};
    ASSERT_EQ(poll(&end, 1, kPatienceMs), 1);
    char buffer[1];
    EXPECT_EQ(recv(client->get(), buffer, 1, MSG_DONTWAIT), -1);
    EXPECT_EQ(errno, ECONNABORTED);
  }
  EXPECT_EQ(outcome(), "here");
}

TEST_P(KernelTableTest, SeveralAtOnceKeepToTheirOwn) {
  const auto one = table();
  auto two = table();
  ASSERT_TRUE(one && two);
  ASSERT_TRUE(one->set(key_, target_));
  EXPECT_EQ(outcome(), "there");
  two.reset();
  EXPECT_EQ(outcome(), "there");
  EXPECT_TRUE(one->check());
}

// A neighbour of the container and somebody on the network this host is on send to this host's
// loopback, and as if from it, the whole time.
TEST_P(KernelTableTest, NobodyGetsAtThisHostsLoopback) {
  auto beside = add_neighbour("veth8", "10.99.7.3");
  ASSERT_TRUE(beside);
  Intruders intruders;
  intruders.send_from(*beside, "10.99.7.1");
  ASSERT_TRUE(
      run("ip link add lan7 type veth peer name lan8 && ip address add 10.99.8.1/24 dev "
          "lan7 && ip link set lan7 up"));
  auto outside = Namespace::create(Namespace::Users::kOurs);
  ASSERT_TRUE(outside);
  ASSERT_TRUE(run("ip link set lan8 netns " + std::to_string(outside->pid())));
  ASSERT_TRUE(run(in_network(outside->pid(),
                             "sh -c 'ip link set lan8 name eth0; ip address add 10.99.8.2/24 dev "
                             "eth0; ip link set eth0 up'")));
  intruders.send_from(*outside, "10.99.8.1");
  const std::set<std::string> nothing;
  EXPECT_EQ(intruders.got_in(), nothing) << "before";
  for (int round = 0; round < 5; ++round) {
    auto one = table();
    ASSERT_TRUE(one);
    ASSERT_TRUE(one->set(key_, target_));
    EXPECT_EQ(outcome(), "there");
    auto two = table();
    ASSERT_TRUE(two);
    one.reset();
    two.reset();
  }
  EXPECT_EQ(intruders.got_in(), nothing) << "during";

  // Killed at any moment of its life.
  using std::chrono::microseconds;
  const auto begin = [&](const auto& then) {
    UniqueFd ready, told;
    std::tie(ready, told) = *base::make_pipe();
    const auto began = std::chrono::steady_clock::now();
    Forked holder([&] { return hold(told.get()); });
    then(ready.get());
    const auto took = std::chrono::steady_clock::now() - began;
    kill(holder.pid(), SIGKILL);
    holder.wait();
    return std::chrono::duration_cast<microseconds>(took);
  };
  // How long it takes to be there differs with the machine and what else it does.
  const microseconds whole = begin([](int ready) { EXPECT_TRUE(readable(ready)); });
  std::mt19937 random(GetParam() == Backend::kNft ? 1 : 2);
  std::uniform_int_distribution<microseconds::rep> moments(0, 2 * whole.count());
  int lived = 0;
  for (int round = 0; round < kKills; ++round) {
    begin([&](int ready) {
      std::this_thread::sleep_for(microseconds(moments(random)));
      lived += readable(ready, 0) ? 1 : 0;
    });
  }
  EXPECT_GT(lived, 0) << "no test: none came that far";
  EXPECT_LT(lived, kKills) << "no test: all came that far";
  EXPECT_EQ(intruders.got_in(), nothing) << "after " << kKills << " kills";
  EXPECT_GT(intruders.sent(), 1000U);
  EXPECT_EQ(outcome(), "here");
  // And the next one starts and ends as if nothing had been.
  auto last = table();
  ASSERT_TRUE(last);
  ASSERT_TRUE(last->set(key_, target_));
  EXPECT_EQ(outcome(), "there");
  last.reset();
  EXPECT_EQ(outcome(), "here");
  EXPECT_EQ(intruders.got_in(), nothing);
  EXPECT_EQ(route_localnet(), "0\n");
  // The test can fail: this is what they are kept from, each of them by each way.
  set_route_localnet(true);
  ASSERT_TRUE(run("echo 1 >/proc/sys/net/ipv4/conf/lan7/route_localnet"));
  std::set<std::string> all;
  for (const char* who : {"a", "b"}) {
    for (const char* what : {Intruders::kDatagram, Intruders::kMasked, Intruders::kConnection}) {
      all.insert(std::string(who) + what);
    }
  }
  EXPECT_EQ(intruders.got_in(), all);
  set_route_localnet(false);
  run("ip link delete veth8; ip link delete lan7");
}

INSTANTIATE_TEST_SUITE_P(Nat, KernelTableTest, ::testing::Values(Backend::kConnect, Backend::kNft),
                         [](const auto& one) {
                           return one.param == Backend::kNft ? "Nft" : "Connect";
                         });

using LocalRoute = NatNetwork;

TEST_F(LocalRoute, TellsNeighboursFromTheRestOfTheWorld) {
  const auto interface = relay::local_interface(kContainers);
  ASSERT_TRUE(interface) << interface.error().message();
  EXPECT_EQ(*interface, kBridge);
  const auto nowhere = relay::local_interface(*IpAddress::parse("192.0.2.1"));
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code.value(), ENETUNREACH);
  ASSERT_TRUE(run("ip route add 192.0.2.0/24 via 10.99.7.2"));
  const auto beyond = relay::local_interface(*IpAddress::parse("192.0.2.1"));
  ASSERT_FALSE(beyond);
  EXPECT_NE(beyond.error().message().find("not next to this host"), std::string::npos);
  EXPECT_FALSE(relay::local_interface(kOurs)) << "this host itself";
}

}  // namespace
}  // namespace fairlead::testing
