// What every kind of relay guarantees about the bytes of a connection. A kind joins the suite by its
// way into the container. Ends and resets: relay_ends_test.cc.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/netns/relay_kinds.h"

namespace fairlead::testing {
namespace {

using base::UniqueFd;

// More than all buffers between two ends ever hold, if each of them is bounded.
constexpr std::size_t kEndless = 512U << 20;
template <class Way>
constexpr std::size_t kBulk = Way::kPrograms ? 16U << 20 : 64U << 20;

// Sends the stream of that seed until nothing moves for a while. How many bytes were taken.
std::size_t send_until_stuck(const UniqueFd& fd, std::uint64_t seed) {
  ByteStream stream(seed);
  std::string chunk;
  std::size_t total = 0;
  pollfd entry{fd.get(), POLLOUT, 0};
  while (total < kEndless) {
    if (chunk.empty()) chunk = stream.take(16U << 10);
    const ssize_t count = send(fd.get(), chunk.data(), chunk.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count > 0) {
      total += static_cast<std::size_t>(count);
      chunk.erase(0, static_cast<std::size_t>(count));
    } else if (errno != EAGAIN || poll(&entry, 1, 300) != 1) {
      break;
    }
  }
  return total;
}

template <class Way>
class RelaySuite : public RelayTestOf<Way> {};

TYPED_TEST_SUITE(RelaySuite, RelayKinds, KindNames);

TYPED_TEST(RelaySuite, CarriesRequestsAndAnswers) {
  this->start_relay_to_server();
  const Ends ends = this->connect_through();
  for (int i = 0; i < 100; ++i) this->expect_talk(ends);
  this->way_->settle();  // bytes are counted a moment after they have gone out
  const relay::RelayStats stats = this->relay_->stats();
  EXPECT_EQ(stats.open, 1U);
  EXPECT_EQ(stats.total, 1U);
  EXPECT_EQ(stats.failed, 0U);
  EXPECT_EQ(stats.bytes_to_container, 400U);
  EXPECT_EQ(stats.bytes_from_container, 500U);
}

TYPED_TEST(RelaySuite, CarriesConnectionsSideBySideWithoutMixingThem) {
  constexpr int kMany = TypeParam::kPrograms ? 20 : 50;
  this->start_relay_to_server();
  std::vector<Ends> all;
  for (int i = 0; i < kMany; ++i) all.push_back(this->connect_through());
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_TRUE(send_stream(all[i].client, i, 20'000));
    ASSERT_TRUE(send_stream(all[i].server, i + 1000, 20'000));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(receive_stream(all[i].server, i, 20'000));
    EXPECT_TRUE(receive_stream(all[i].client, i + 1000, 20'000));
  }
}

TYPED_TEST(RelaySuite, LetsTheServerSpeakFirst) {
  this->start_relay_to_server();
  const Ends ends = this->connect_through();
  ASSERT_EQ(send_all(ends.server, "hello"), 5U);
  EXPECT_EQ(receive_exactly(ends.client, 5), "hello");
}

TYPED_TEST(RelaySuite, CarriesManyMegabytesToTheContainerUnchanged) {
  constexpr std::size_t kBig = kBulk<TypeParam>;
  this->start_relay_to_server();
  const Ends ends = this->connect_through();
  auto sent = std::async(std::launch::async, [&] { return send_stream(ends.client, 1, kBig); });
  EXPECT_TRUE(receive_stream(ends.server, 1, kBig));
  EXPECT_TRUE(sent.get());
}

TYPED_TEST(RelaySuite, CarriesManyMegabytesFromTheContainerUnchanged) {
  constexpr std::size_t kBig = kBulk<TypeParam>;
  this->start_relay_to_server();
  const Ends ends = this->connect_through();
  auto sent = std::async(std::launch::async, [&] { return send_stream(ends.server, 2, kBig); });
  EXPECT_TRUE(receive_stream(ends.client, 2, kBig));
  EXPECT_TRUE(sent.get());
}

TYPED_TEST(RelaySuite, CarriesManyMegabytesBothWaysAtOnceUnchanged) {
  constexpr std::size_t kBig = kBulk<TypeParam>;
  this->start_relay_to_server();
  const Ends ends = this->connect_through();
  auto client_sent =
      std::async(std::launch::async, [&] { return send_stream(ends.client, 3, kBig); });
  auto server_sent =
      std::async(std::launch::async, [&] { return send_stream(ends.server, 4, kBig); });
  auto client_got =
      std::async(std::launch::async, [&] { return receive_stream(ends.client, 4, kBig); });
  EXPECT_TRUE(receive_stream(ends.server, 3, kBig));
  EXPECT_TRUE(client_got.get());
  EXPECT_TRUE(client_sent.get());
  EXPECT_TRUE(server_sent.get());
  this->way_->settle();
  const relay::RelayStats stats = this->relay_->stats();
  EXPECT_EQ(stats.bytes_to_container, kBig);
  EXPECT_EQ(stats.bytes_from_container, kBig);
}

TYPED_TEST(RelaySuite, CarriesBytesOneByOne) {
  this->start_relay_to_server();
  const Ends ends = this->connect_through();
  ByteStream stream(5);
  const std::string bytes = stream.take(5'000);
  auto got = std::async(std::launch::async, [&] { return receive_exactly(ends.server, 5'000); });
  for (const char byte : bytes) ASSERT_EQ(send_all(ends.client, {&byte, 1}), 1U);
  EXPECT_EQ(got.get(), bytes);
}

TYPED_TEST(RelaySuite, ResetsAClientAtOnceIfNobodyListens) {
  constexpr std::uint64_t kTimes = TypeParam::kPrograms ? 5 : 20;
  this->server_ = this->serve("127.0.0.1");
  const base::Endpoint nobody = this->server_.endpoint;
  this->server_.listener.reset();
  this->start_relay({nobody});
  for (std::uint64_t i = 1; i <= kTimes; ++i) {
    const UniqueFd client = dial_host(this->host_port_);
    if (client) {
      EXPECT_EQ(ending_of(client), Ending::kReset);
    } else {
      EXPECT_EQ(errno, ECONNRESET);
    }
    EXPECT_TRUE(this->all_ended());
    EXPECT_EQ(this->relay_->stats().failed, i);
  }
  const relay::RelayStats stats = this->relay_->stats();
  EXPECT_EQ(stats.total, kTimes);
  EXPECT_NE(stats.last_error.find(nobody.to_string()), std::string::npos) << stats.last_error;
  EXPECT_NE(stats.last_error.find("refused"), std::string::npos) << stats.last_error;
}

TYPED_TEST(RelaySuite, ServesAgainAsSoonAsSomebodyListens) {
  this->server_ = this->serve("127.0.0.1");
  const base::Endpoint endpoint = this->server_.endpoint;
  this->server_.listener.reset();
  this->start_relay({endpoint});
  const UniqueFd refused = dial_host(this->host_port_);
  if (refused) {
    EXPECT_EQ(ending_of(refused), Ending::kReset);
  }
  this->server_ = this->serve("127.0.0.1", endpoint.port);
  this->expect_talk(this->connect_through());
}

TYPED_TEST(RelaySuite, ASlowReaderStopsItsOwnWriterAndNobodyElse) {
  constexpr int kOthers = TypeParam::kPrograms ? 10 : 50;
  this->start_relay_to_server();
  std::vector<Ends> stuck;
  std::vector<std::size_t> accepted;
  for (std::uint64_t i = 0; i < 8; ++i) {
    Ends ends = this->connect_through();
    keep_buffers_small(ends);
    accepted.push_back(send_until_stuck(ends.client, i));
    EXPECT_LT(accepted.back(), kEndless) << "nothing stops the writer";
    stuck.push_back(std::move(ends));
  }
  for (int i = 0; i < kOthers; ++i) this->expect_talk(this->connect_through());
  // The other direction of a stuck connection works, too.
  for (const Ends& ends : stuck) {
    ASSERT_EQ(send_all(ends.server, "still here"), 10U);
    EXPECT_EQ(receive_exactly(ends.client, 10), "still here");
  }
  for (std::size_t i = 0; i < stuck.size(); ++i) {
    EXPECT_TRUE(receive_stream(stuck[i].server, i, accepted[i]));
  }
}

TYPED_TEST(RelaySuite, ManyBusyConnectionsEachGetTheirTurn) {
  constexpr std::size_t kSize = TypeParam::kPrograms ? 1U << 20 : 4U << 20;
  this->start_relay_to_server();
  std::vector<Ends> all;
  for (int i = 0; i < 8; ++i) all.push_back(this->connect_through());
  std::vector<std::future<bool>> work;
  for (std::size_t i = 0; i < all.size(); ++i) {
    work.push_back(
        std::async(std::launch::async, [&, i] { return send_stream(all[i].client, i, kSize); }));
    work.push_back(
        std::async(std::launch::async, [&, i] { return receive_stream(all[i].server, i, kSize); }));
  }
  const Ends small = this->connect_through();
  for (int i = 0; i < 20; ++i) this->expect_talk(small);
  for (auto& part : work) EXPECT_TRUE(part.get());
}

TYPED_TEST(RelaySuite, ClientsThatLeaveAtOnceLeaveNothingBehind) {
  constexpr int kClients = TypeParam::kPrograms ? 40 : 1'000;
  this->start_relay_to_server();
  this->expect_talk(this->connect_through());
  ASSERT_TRUE(this->all_ended());
  this->way_->settle();
  const std::size_t before = this->way_->descriptors();
  std::atomic<bool> done{false};
  std::thread server([&] {
    while (!done) {
      if (readable(this->server_.listener.get(), 20)) accept_from(this->server_.listener);
    }
  });
  for (int i = 0; i < kClients; ++i) {
    UniqueFd client = dial_host(this->host_port_);
    ASSERT_TRUE(client);
    if (i % 2 == 0) send_all(client, "unheard");
    if (i % 4 < 2) {
      reset_and_close(client);
    } else {
      client.reset();
    }
  }
  EXPECT_TRUE(this->all_ended());
  done = true;
  server.join();
  EXPECT_TRUE(this->descriptors_return_to(before)) << this->way_->descriptors() << " of " << before;
}

TYPED_TEST(RelaySuite, ReadsOnPastUrgentData) {
  this->start_relay_to_server();
  for (const bool to_container : {true, false}) {
    const Ends ends = this->connect_through();
    const UniqueFd& source = to_container ? ends.client : ends.server;
    const UniqueFd& sink = to_container ? ends.server : ends.client;
    this->expect_talk(ends);
    ASSERT_EQ(send_all(source, "before"), 6U);
    ASSERT_EQ(send(source.get(), "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
    ASSERT_EQ(send_all(source, "behind"), 6U);
    // Whether the urgent byte itself is carried is another matter; nothing else may be lost.
    std::string got = receive_exactly(sink, 12);
    if (got.size() == 12 && got.find('!') != std::string::npos) got += receive_exactly(sink, 1);
    std::erase(got, '!');
    EXPECT_EQ(got, "beforebehind");
  }
}

}  // namespace
}  // namespace fairlead::testing
