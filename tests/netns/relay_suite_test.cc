// What every kind of relay guarantees about the bytes of a connection. A kind joins the suite by
// its way into the container. Ends and resets: relay_ends_test.cc.
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

class RelaySuite : public RelayKindTest {};

INSTANTIATE_TEST_SUITE_P(, RelaySuite, ::testing::ValuesIn(kEveryKind), name_of_kind);

TEST_P(RelaySuite, CarriesRequestsAndAnswers) {
  start_relay_to_server();
  const Ends ends = connect_through();
  for (int i = 0; i < 100; ++i) expect_talk(ends);
  way_->settle();  // bytes are counted a moment after they have gone out
  const relay::RelayStats stats = relay_->stats();
  EXPECT_EQ(stats.open, 1U);
  EXPECT_EQ(stats.total, 1U);
  EXPECT_EQ(stats.failed, 0U);
  EXPECT_EQ(stats.bytes_to_container, 400U);
  EXPECT_EQ(stats.bytes_from_container, 500U);
}

TEST_P(RelaySuite, CarriesConnectionsSideBySideWithoutMixingThem) {
  const int many = kind().programs ? 20 : 50;
  start_relay_to_server();
  std::vector<Ends> all;
  for (int i = 0; i < many; ++i) all.push_back(connect_through());
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_TRUE(send_stream(all[i].client, i, 20'000));
    ASSERT_TRUE(send_stream(all[i].server, i + 1000, 20'000));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_TRUE(receive_stream(all[i].server, i, 20'000));
    EXPECT_TRUE(receive_stream(all[i].client, i + 1000, 20'000));
  }
}

TEST_P(RelaySuite, LetsTheServerSpeakFirst) {
  start_relay_to_server();
  const Ends ends = connect_through();
  ASSERT_EQ(send_all(ends.server, "hello"), 5U);
  EXPECT_EQ(receive_exactly(ends.client, 5), "hello");
}

TEST_P(RelaySuite, CarriesManyMegabytesToTheContainerUnchanged) {
  const std::size_t big = kind().programs ? 16U << 20 : 64U << 20;
  start_relay_to_server();
  const Ends ends = connect_through();
  auto sent = std::async(std::launch::async, [&] { return send_stream(ends.client, 1, big); });
  EXPECT_TRUE(receive_stream(ends.server, 1, big));
  EXPECT_TRUE(sent.get());
}

TEST_P(RelaySuite, CarriesManyMegabytesFromTheContainerUnchanged) {
  const std::size_t big = kind().programs ? 16U << 20 : 64U << 20;
  start_relay_to_server();
  const Ends ends = connect_through();
  auto sent = std::async(std::launch::async, [&] { return send_stream(ends.server, 2, big); });
  EXPECT_TRUE(receive_stream(ends.client, 2, big));
  EXPECT_TRUE(sent.get());
}

TEST_P(RelaySuite, CarriesManyMegabytesBothWaysAtOnceUnchanged) {
  const std::size_t big = kind().programs ? 16U << 20 : 64U << 20;
  start_relay_to_server();
  const Ends ends = connect_through();
  auto client_sent =
      std::async(std::launch::async, [&] { return send_stream(ends.client, 3, big); });
  auto server_sent =
      std::async(std::launch::async, [&] { return send_stream(ends.server, 4, big); });
  auto client_got =
      std::async(std::launch::async, [&] { return receive_stream(ends.client, 4, big); });
  EXPECT_TRUE(receive_stream(ends.server, 3, big));
  EXPECT_TRUE(client_got.get());
  EXPECT_TRUE(client_sent.get());
  EXPECT_TRUE(server_sent.get());
  way_->settle();
  const relay::RelayStats stats = relay_->stats();
  EXPECT_EQ(stats.bytes_to_container, big);
  EXPECT_EQ(stats.bytes_from_container, big);
}

TEST_P(RelaySuite, CarriesBytesOneByOne) {
  start_relay_to_server();
  const Ends ends = connect_through();
  ByteStream stream(5);
  const std::string bytes = stream.take(5'000);
  auto got = std::async(std::launch::async, [&] { return receive_exactly(ends.server, 5'000); });
  for (const char byte : bytes) ASSERT_EQ(send_all(ends.client, {&byte, 1}), 1U);
  EXPECT_EQ(got.get(), bytes);
}

TEST_P(RelaySuite, ResetsAClientAtOnceIfNobodyListens) {
  const std::uint64_t times = kind().programs ? 5 : 20;
  server_ = serve("127.0.0.1");
  const base::Endpoint nobody = server_.endpoint;
  server_.listener.reset();
  start_relay({nobody});
  for (std::uint64_t i = 1; i <= times; ++i) {
    const UniqueFd client = dial_host(host_port_);
    if (client) {
      EXPECT_EQ(ending_of(client), Ending::kReset);
    } else {
      EXPECT_EQ(errno, ECONNRESET);
    }
    EXPECT_TRUE(all_ended());
    EXPECT_EQ(relay_->stats().failed, i);
  }
  const relay::RelayStats stats = relay_->stats();
  EXPECT_EQ(stats.total, times);
  EXPECT_NE(stats.last_error.find(nobody.to_string()), std::string::npos) << stats.last_error;
  EXPECT_NE(stats.last_error.find("refused"), std::string::npos) << stats.last_error;
}

TEST_P(RelaySuite, ServesAgainAsSoonAsSomebodyListens) {
  server_ = serve("127.0.0.1");
  const base::Endpoint endpoint = server_.endpoint;
  server_.listener.reset();
  start_relay({endpoint});
  const UniqueFd refused = dial_host(host_port_);
  if (refused) {
    EXPECT_EQ(ending_of(refused), Ending::kReset);
  }
  server_ = serve("127.0.0.1", endpoint.port);
  expect_talk(connect_through());
}

TEST_P(RelaySuite, ASlowReaderStopsItsOwnWriterAndNobodyElse) {
  const std::uint64_t slow = kind().programs ? 3 : 8;
  const int others = kind().programs ? 10 : 50;
  start_relay_to_server();
  std::vector<Ends> stuck;
  std::vector<std::size_t> accepted;
  for (std::uint64_t i = 0; i < slow; ++i) {
    Ends ends = connect_through();
    keep_buffers_small(ends);
    accepted.push_back(send_until_stuck(ends.client, i));
    EXPECT_LT(accepted.back(), kEndless) << "nothing stops the writer";
    stuck.push_back(std::move(ends));
  }
  for (int i = 0; i < others; ++i) expect_talk(connect_through());
  // The other direction of a stuck connection works, too.
  for (const Ends& ends : stuck) {
    if (!kind().duplex) break;
    ASSERT_EQ(send_all(ends.server, "still here"), 10U);
    EXPECT_EQ(receive_exactly(ends.client, 10), "still here");
  }
  for (std::size_t i = 0; i < stuck.size(); ++i) {
    EXPECT_TRUE(receive_stream(stuck[i].server, i, accepted[i]));
  }
}

TEST_P(RelaySuite, ManyBusyConnectionsEachGetTheirTurn) {
  const std::size_t size = kind().programs ? 1U << 20 : 4U << 20;
  start_relay_to_server();
  std::vector<Ends> all;
  for (int i = 0; i < 8; ++i) all.push_back(connect_through());
  std::vector<std::future<bool>> work;
  for (std::size_t i = 0; i < all.size(); ++i) {
    work.push_back(
        std::async(std::launch::async, [&, i] { return send_stream(all[i].client, i, size); }));
    work.push_back(
        std::async(std::launch::async, [&, i] { return receive_stream(all[i].server, i, size); }));
  }
  const Ends small = connect_through();
  for (int i = 0; i < 20; ++i) expect_talk(small);
  for (auto& part : work) EXPECT_TRUE(part.get());
}

TEST_P(RelaySuite, ClientsThatLeaveAtOnceLeaveNothingBehind) {
  const int clients = kind().programs ? 40 : 1'000;
  start_relay_to_server();
  expect_talk(connect_through());
  ASSERT_TRUE(all_ended());
  way_->settle();
  const std::size_t before = way_->descriptors();
  std::atomic<bool> done{false};
  std::thread server([&] {
    while (!done) {
      if (readable(server_.listener.get(), 20)) accept_from(server_.listener);
    }
  });
  for (int i = 0; i < clients; ++i) {
    UniqueFd client = dial_host(host_port_);
    ASSERT_TRUE(client);
    if (i % 2 == 0) send_all(client, "unheard");
    if (i % 4 < 2) {
      reset_and_close(client);
    } else {
      client.reset();
    }
  }
  EXPECT_TRUE(all_ended());
  // A program that connects only now still has to find a server that closes: it would wait for it.
  EXPECT_TRUE(descriptors_return_to(before)) << way_->descriptors() << " of " << before;
  done = true;
  server.join();
}

TEST_P(RelaySuite, ReadsOnPastUrgentData) {
  start_relay_to_server();
  for (const bool to_container : {true, false}) {
    const Ends ends = connect_through();
    const UniqueFd& source = to_container ? ends.client : ends.server;
    const UniqueFd& sink = to_container ? ends.server : ends.client;
    expect_talk(ends);
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
