// A relay's beginning and end, for every kind: who is served, refused, drained and reset, and when.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <set>

#include "tests/netns/relay_kinds.h"

namespace fairlead::testing {
namespace {

using base::UniqueFd;

class RelayLife : public RelayKindTest {};

INSTANTIATE_TEST_SUITE_P(, RelayLife, ::testing::ValuesIn(kHalfClosingKinds), name_of_kind);

TEST_P(RelayLife, RefusesClientsFromTheMomentItIsStopped) {
  for (const auto drain : {std::chrono::seconds(0), std::chrono::seconds(60)}) {
    start_relay_to_server();
    expect_talk(connect_through());
    relay_->stop(drain);
    const UniqueFd client = dial_host(host_port_);
    EXPECT_FALSE(client);
    EXPECT_EQ(errno, ECONNREFUSED);
    // The number may be taken at once, even before the relay has got round to closing.
    EXPECT_TRUE(base::listen_tcp({base::IpAddress::loopback4(), host_port_}, 1));
  }
}

TEST_P(RelayLife, LetsOpenConnectionsLiveWhileItDrains) {
  start_relay_to_server();
  Ends ends = connect_through();
  relay_->stop(std::chrono::minutes(10));
  for (int i = 0; i < 20; ++i) expect_talk(ends);
  EXPECT_EQ(relay_->stats().open, 1U);
  shutdown(ends.client.get(), SHUT_WR);
  EXPECT_EQ(ending_of(ends.server), Ending::kEnd);
  ends.server.reset();
  EXPECT_EQ(ending_of(ends.client), Ending::kEnd);
  EXPECT_TRUE(all_ended());
}

TEST_P(RelayLife, ResetsWhatIsStillOpenWhenTheDrainTimeIsOver) {
  constexpr auto kDrain = std::chrono::milliseconds(150);
  start_relay_to_server();
  const Ends ends = connect_through();
  expect_talk(ends);
  const auto begin = std::chrono::steady_clock::now();
  relay_->stop(kDrain);
  EXPECT_EQ(ending_of(ends.client), Ending::kReset);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, kDrain);
  expect_gone(ends.server);
  EXPECT_TRUE(all_ended());
}

TEST_P(RelayLife, ResetsOpenConnectionsIfThereIsNoTimeToDrain) {
  start_relay_to_server();
  std::vector<Ends> all;
  for (int i = 0; i < 20; ++i) all.push_back(connect_through());
  expect_talk(all.front());
  relay_->stop(std::chrono::milliseconds(0));
  for (const Ends& ends : all) {
    EXPECT_EQ(ending_of(ends.client), Ending::kReset);
    expect_gone(ends.server);
  }
  EXPECT_TRUE(all_ended());
}

TEST_P(RelayLife, ResetsOpenConnectionsWhenItIsDestroyed) {
  start_relay_to_server();
  const Ends ends = connect_through();
  expect_talk(ends);
  relay_.reset();
  EXPECT_EQ(ending_of(ends.client), Ending::kReset);
  expect_gone(ends.server);
  EXPECT_FALSE(dial_host(host_port_));
}

TEST_P(RelayLife, KeepsDrainingAfterItWasDestroyed) {
  start_relay_to_server();
  const Ends ends = connect_through();
  relay_->stop(std::chrono::minutes(10));
  relay_.reset();
  for (int i = 0; i < 5; ++i) expect_talk(ends);
}

TEST_P(RelayLife, MayBeStoppedInTheMiddleOfHeavyTraffic) {
  for (const int drain_ms : {0, 5, 30, 60}) {
    start_relay_to_server();
    std::vector<Ends> all;
    for (int i = 0; i < 4; ++i) all.push_back(connect_through());
    std::vector<std::future<void>> work;
    std::atomic<std::size_t> moved{0};
    const auto pour = [](const UniqueFd& fd) {
      const std::string chunk(256U << 10, 'x');
      while (send_all(fd, chunk) == chunk.size()) {
      }
    };
    const auto drink = [&moved](const UniqueFd& fd) {
      std::string buffer(256U << 10, '\0');
      ssize_t count = 0;
      while ((count = recv(fd.get(), buffer.data(), buffer.size(), 0)) > 0) {
        moved += static_cast<std::size_t>(count);
      }
    };
    for (const Ends& ends : all) {
      for (const UniqueFd* fd : {&ends.client, &ends.server}) {
        work.push_back(std::async(std::launch::async, [=] { pour(*fd); }));
        work.push_back(std::async(std::launch::async, [=] { drink(*fd); }));
      }
    }
    EXPECT_TRUE(eventually([&] { return moved > (8U << 20); }));
    relay_->stop(std::chrono::milliseconds(drain_ms));
    for (auto& part : work) part.get();
    EXPECT_TRUE(all_ended());
  }
}

TEST_P(RelayLife, ServesClientsThatCameBeforeIt) {
  server_ = serve("127.0.0.1");
  start_way();
  auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 64);
  ASSERT_TRUE(listener);
  host_port_ = base::local_endpoint(*listener)->port;
  std::vector<UniqueFd> early;
  for (int i = 0; i < 10; ++i) early.push_back(dial_host(host_port_));
  std::vector<UniqueFd> listeners;
  listeners.push_back(std::move(*listener));
  relay_ = std::make_unique<relay::StreamRelay>(way_->data_plane(), std::move(listeners),
                                                way_->route({server_.endpoint}));
  std::set<std::string> said;
  // All of them have spoken before anybody is listened to: they arrive in any order.
  for (std::size_t i = 0; i < early.size(); ++i) send_all(early[i], std::to_string(i));
  for (std::size_t i = 0; i < early.size(); ++i) {
    const UniqueFd server = accept_from(server_.listener);
    ASSERT_TRUE(server);
    said.insert(receive_exactly(server, 1));
  }
  EXPECT_EQ(said.size(), early.size());
}

TEST_P(RelayLife, DialsNewTargetsForNewConnectionsOnly) {
  start_relay_to_server();
  const Server other = serve("127.0.0.1");
  const Ends old_one = connect_through();
  relay_->reroute(way_->route({other.endpoint}));
  way_->settle();
  const Ends new_one = connect_through(other);
  expect_talk(new_one);
  expect_talk(old_one);
}

TEST_P(RelayLife, ServesSeveralHostListenersAtOnce) {
  server_ = serve("127.0.0.1");
  start_way();
  std::vector<UniqueFd> listeners;
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 2; ++i) {
    auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 64);
    ASSERT_TRUE(listener);
    ports.push_back(base::local_endpoint(*listener)->port);
    listeners.push_back(std::move(*listener));
  }
  relay_ = std::make_unique<relay::StreamRelay>(way_->data_plane(), std::move(listeners),
                                                way_->route({server_.endpoint}));
  for (const std::uint16_t port : ports) {
    host_port_ = port;
    expect_talk(connect_through());
  }
  relay_->stop(std::chrono::milliseconds(0));
  for (const std::uint16_t port : ports) EXPECT_FALSE(dial_host(port));
}

}  // namespace
}  // namespace fairlead::testing
