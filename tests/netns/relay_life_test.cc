// A relay's beginning and end, for every kind: who is served, refused, drained and reset, and when.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <set>

#include "tests/netns/relay_kinds.h"

namespace fairlead::testing {
namespace {

using base::UniqueFd;

template <class Way>
class RelayLife : public RelayTestOf<Way> {};

TYPED_TEST_SUITE(RelayLife, HalfClosingKinds, KindNames);

TYPED_TEST(RelayLife, RefusesClientsFromTheMomentItIsStopped) {
  for (const auto drain : {std::chrono::seconds(0), std::chrono::seconds(60)}) {
    this->start_relay_to_server();
    this->expect_talk(this->connect_through());
    this->relay_->stop(drain);
    const UniqueFd client = dial_host(this->host_port_);
    EXPECT_FALSE(client);
    EXPECT_EQ(errno, ECONNREFUSED);
    // The number may be taken at once, even before the relay has got round to closing.
    EXPECT_TRUE(base::listen_tcp({base::IpAddress::loopback4(), this->host_port_}, 1));
  }
}

TYPED_TEST(RelayLife, LetsOpenConnectionsLiveWhileItDrains) {
  this->start_relay_to_server();
  Ends ends = this->connect_through();
  this->relay_->stop(std::chrono::minutes(10));
  for (int i = 0; i < 20; ++i) this->expect_talk(ends);
  EXPECT_EQ(this->relay_->stats().open, 1U);
  shutdown(ends.client.get(), SHUT_WR);
  EXPECT_EQ(ending_of(ends.server), Ending::kEnd);
  ends.server.reset();
  EXPECT_EQ(ending_of(ends.client), Ending::kEnd);
  EXPECT_TRUE(this->all_ended());
}

TYPED_TEST(RelayLife, ResetsWhatIsStillOpenWhenTheDrainTimeIsOver) {
  constexpr auto kDrain = std::chrono::milliseconds(150);
  this->start_relay_to_server();
  const Ends ends = this->connect_through();
  this->expect_talk(ends);
  const auto begin = std::chrono::steady_clock::now();
  this->relay_->stop(kDrain);
  EXPECT_EQ(ending_of(ends.client), Ending::kReset);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, kDrain);
  this->expect_gone(ends.server);
  EXPECT_TRUE(this->all_ended());
}

TYPED_TEST(RelayLife, ResetsOpenConnectionsIfThereIsNoTimeToDrain) {
  this->start_relay_to_server();
  std::vector<Ends> all;
  for (int i = 0; i < 20; ++i) all.push_back(this->connect_through());
  this->expect_talk(all.front());
  this->relay_->stop(std::chrono::milliseconds(0));
  for (const Ends& ends : all) {
    EXPECT_EQ(ending_of(ends.client), Ending::kReset);
    this->expect_gone(ends.server);
  }
  EXPECT_TRUE(this->all_ended());
}

TYPED_TEST(RelayLife, ResetsOpenConnectionsWhenItIsDestroyed) {
  this->start_relay_to_server();
  const Ends ends = this->connect_through();
  this->expect_talk(ends);
  this->relay_.reset();
  EXPECT_EQ(ending_of(ends.client), Ending::kReset);
  this->expect_gone(ends.server);
  EXPECT_FALSE(dial_host(this->host_port_));
}

TYPED_TEST(RelayLife, KeepsDrainingAfterItWasDestroyed) {
  this->start_relay_to_server();
  const Ends ends = this->connect_through();
  this->relay_->stop(std::chrono::minutes(10));
  this->relay_.reset();
  for (int i = 0; i < 5; ++i) this->expect_talk(ends);
}

TYPED_TEST(RelayLife, MayBeStoppedInTheMiddleOfHeavyTraffic) {
  for (const int drain_ms : {0, 5, 30, 60}) {
    this->start_relay_to_server();
    std::vector<Ends> all;
    for (int i = 0; i < 4; ++i) all.push_back(this->connect_through());
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
    this->relay_->stop(std::chrono::milliseconds(drain_ms));
    for (auto& part : work) part.get();
    EXPECT_TRUE(this->all_ended());
  }
}

TYPED_TEST(RelayLife, ServesClientsThatCameBeforeIt) {
  this->server_ = this->serve("127.0.0.1");
  this->start_way();
  auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 64);
  ASSERT_TRUE(listener);
  this->host_port_ = base::local_endpoint(*listener)->port;
  std::vector<UniqueFd> early;
  for (int i = 0; i < 10; ++i) early.push_back(dial_host(this->host_port_));
  std::vector<UniqueFd> listeners;
  listeners.push_back(std::move(*listener));
  this->relay_ = std::make_unique<relay::StreamRelay>(
      this->way_->data_plane(), std::move(listeners), this->way_->route({this->server_.endpoint}));
  std::set<std::string> said;
  // All of them have spoken before anybody is listened to: they arrive in any order.
  for (std::size_t i = 0; i < early.size(); ++i) send_all(early[i], std::to_string(i));
  for (std::size_t i = 0; i < early.size(); ++i) {
    const UniqueFd server = accept_from(this->server_.listener);
    ASSERT_TRUE(server);
    said.insert(receive_exactly(server, 1));
  }
  EXPECT_EQ(said.size(), early.size());
}

TYPED_TEST(RelayLife, DialsNewTargetsForNewConnectionsOnly) {
  this->start_relay_to_server();
  const Server other = this->serve("127.0.0.1");
  const Ends old_one = this->connect_through();
  this->relay_->reroute(this->way_->route({other.endpoint}));
  this->way_->settle();
  const Ends new_one = this->connect_through(other);
  this->expect_talk(new_one);
  this->expect_talk(old_one);
}

TYPED_TEST(RelayLife, ServesSeveralHostListenersAtOnce) {
  this->server_ = this->serve("127.0.0.1");
  this->start_way();
  std::vector<UniqueFd> listeners;
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 2; ++i) {
    auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 64);
    ASSERT_TRUE(listener);
    ports.push_back(base::local_endpoint(*listener)->port);
    listeners.push_back(std::move(*listener));
  }
  this->relay_ = std::make_unique<relay::StreamRelay>(
      this->way_->data_plane(), std::move(listeners), this->way_->route({this->server_.endpoint}));
  for (const std::uint16_t port : ports) {
    this->host_port_ = port;
    this->expect_talk(this->connect_through());
  }
  this->relay_->stop(std::chrono::milliseconds(0));
  for (const std::uint16_t port : ports) EXPECT_FALSE(dial_host(port));
}

}  // namespace
}  // namespace fairlead::testing
