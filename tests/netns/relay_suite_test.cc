// What every kind of relay guarantees about the bytes and the ends of a connection. A kind joins
// the suite by its way into the container.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/netns/relay_fixture.h"

namespace fairlead::testing {
namespace {

using base::UniqueFd;

constexpr std::size_t kBig = 64U << 20;
// More than all buffers between two ends ever hold, if each of them is bounded.
constexpr std::size_t kEndless = 512U << 20;

// Keeps the kernel's own buffers small, so that filling them takes no time.
void keep_buffers_small(const Ends& ends) {
  const int small = 64 << 10;
  for (const UniqueFd* fd : {&ends.client, &ends.server}) {
    setsockopt(fd->get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    setsockopt(fd->get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  }
}

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

TYPED_TEST_SUITE(RelaySuite, RelayKinds);

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
  this->start_relay_to_server();
  std::vector<Ends> all;
  for (int i = 0; i < 50; ++i) all.push_back(this->connect_through());
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
  this->start_relay_to_server();
  const Ends ends = this->connect_through();
  auto sent = std::async(std::launch::async, [&] {
    const bool all = send_stream(ends.client, 1, kBig);
    shutdown(ends.client.get(), SHUT_WR);
    return all;
  });
  EXPECT_TRUE(receive_stream(ends.server, 1, kBig));
  EXPECT_EQ(ending_of(ends.server), Ending::kEnd);
  EXPECT_TRUE(sent.get());
}

TYPED_TEST(RelaySuite, CarriesManyMegabytesFromTheContainerUnchanged) {
  this->start_relay_to_server();
  const Ends ends = this->connect_through();
  auto sent = std::async(std::launch::async, [&] {
    const bool all = send_stream(ends.server, 2, kBig);
    shutdown(ends.server.get(), SHUT_WR);
    return all;
  });
  EXPECT_TRUE(receive_stream(ends.client, 2, kBig));
  EXPECT_EQ(ending_of(ends.client), Ending::kEnd);
  EXPECT_TRUE(sent.get());
}

TYPED_TEST(RelaySuite, CarriesManyMegabytesBothWaysAtOnceUnchanged) {
  this->start_relay_to_server();
  const Ends ends = this->connect_through();
  auto client_sent = std::async(std::launch::async, [&] {
    const bool all = send_stream(ends.client, 3, kBig);
    shutdown(ends.client.get(), SHUT_WR);
    return all;
  });
  auto server_sent = std::async(std::launch::async, [&] {
    const bool all = send_stream(ends.server, 4, kBig);
    shutdown(ends.server.get(), SHUT_WR);
    return all;
  });
  auto client_got =
      std::async(std::launch::async, [&] { return receive_stream(ends.client, 4, kBig); });
  EXPECT_TRUE(receive_stream(ends.server, 3, kBig));
  EXPECT_TRUE(client_got.get());
  EXPECT_TRUE(client_sent.get());
  EXPECT_TRUE(server_sent.get());
  EXPECT_EQ(ending_of(ends.client), Ending::kEnd);
  EXPECT_EQ(ending_of(ends.server), Ending::kEnd);
  EXPECT_TRUE(this->all_ended());
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

// --- Half-close, and the order of the ends ---

TYPED_TEST(RelaySuite, PassesOnTheClientsEndAndKeepsTheAnswersWayOpen) {
  this->start_relay_to_server();
  Ends ends = this->connect_through();
  ASSERT_EQ(send_all(ends.client, "request"), 7U);
  shutdown(ends.client.get(), SHUT_WR);
  EXPECT_EQ(receive_exactly(ends.server, 100), "request");
  EXPECT_EQ(ending_of(ends.server), Ending::kEnd);
  for (std::uint64_t part = 0; part < 3; ++part) {
    auto sent =
        std::async(std::launch::async, [&] { return send_stream(ends.server, part, 1U << 20); });
    EXPECT_TRUE(receive_stream(ends.client, part, 1U << 20)) << part;
    EXPECT_TRUE(sent.get());
  }
  EXPECT_EQ(this->relay_->stats().open, 1U);
  ends.server.reset();
  EXPECT_EQ(ending_of(ends.client), Ending::kEnd);
  EXPECT_TRUE(this->all_ended());
}

TYPED_TEST(RelaySuite, PassesOnTheServersEndAndKeepsTheRequestsWayOpen) {
  this->start_relay_to_server();
  Ends ends = this->connect_through();
  ASSERT_EQ(send_all(ends.server, "greeting"), 8U);
  shutdown(ends.server.get(), SHUT_WR);
  EXPECT_EQ(receive_exactly(ends.client, 100), "greeting");
  EXPECT_EQ(ending_of(ends.client), Ending::kEnd);
  for (std::uint64_t part = 0; part < 3; ++part) {
    auto sent =
        std::async(std::launch::async, [&] { return send_stream(ends.client, part, 1U << 20); });
    EXPECT_TRUE(receive_stream(ends.server, part, 1U << 20)) << part;
    EXPECT_TRUE(sent.get());
  }
  EXPECT_EQ(this->relay_->stats().open, 1U);
  ends.client.reset();
  EXPECT_EQ(ending_of(ends.server), Ending::kEnd);
  EXPECT_TRUE(this->all_ended());
}

TYPED_TEST(RelaySuite, EndsTheConnectionWhicheverSideEndsFirst) {
  this->start_relay_to_server();
  for (const bool client_first : {true, false}) {
    Ends ends = this->connect_through();
    this->expect_talk(ends);
    UniqueFd& first = client_first ? ends.client : ends.server;
    UniqueFd& second = client_first ? ends.server : ends.client;
    shutdown(first.get(), SHUT_WR);
    EXPECT_EQ(ending_of(second), Ending::kEnd);
    shutdown(second.get(), SHUT_WR);
    EXPECT_EQ(ending_of(first), Ending::kEnd);
    EXPECT_TRUE(this->all_ended());
  }
}

TYPED_TEST(RelaySuite, EndsTheConnectionWhenBothSidesEndAtOnce) {
  this->start_relay_to_server();
  for (int i = 0; i < 200; ++i) {
    const Ends ends = this->connect_through();
    ASSERT_EQ(send_all(ends.client, "a"), 1U);
    ASSERT_EQ(send_all(ends.server, "b"), 1U);
    shutdown(ends.client.get(), SHUT_WR);
    shutdown(ends.server.get(), SHUT_WR);
    ASSERT_EQ(receive_exactly(ends.client, 2), "b");
    ASSERT_EQ(receive_exactly(ends.server, 2), "a");
  }
  EXPECT_TRUE(this->all_ended());
}

TYPED_TEST(RelaySuite, DeliversWhatWasSentBeforeAnEndHoweverLateItIsRead) {
  constexpr std::size_t kSize = 24U << 20;  // more than every buffer between them holds
  this->start_relay_to_server();
  for (const bool to_container : {true, false}) {
    Ends ends = this->connect_through();
    UniqueFd& source = to_container ? ends.client : ends.server;
    UniqueFd& sink = to_container ? ends.server : ends.client;
    auto sent = std::async(std::launch::async, [&] {
      const bool all = send_stream(source, 6, kSize);
      shutdown(source.get(), SHUT_WR);
      return all;
    });
    // The other direction works while this one is stuck.
    ASSERT_EQ(send_all(sink, "meanwhile"), 9U);
    ASSERT_EQ(receive_exactly(source, 9), "meanwhile");
    EXPECT_TRUE(receive_stream(sink, 6, kSize));
    EXPECT_EQ(ending_of(sink), Ending::kEnd);
    EXPECT_TRUE(sent.get());
  }
}

TYPED_TEST(RelaySuite, DeliversEverythingToAClientThatHasAlreadyEndedItsOwnDirection) {
  constexpr std::size_t kSize = 24U << 20;
  this->start_relay_to_server();
  Ends ends = this->connect_through();
  shutdown(ends.client.get(), SHUT_WR);
  ASSERT_EQ(ending_of(ends.server), Ending::kEnd);
  auto sent = std::async(std::launch::async, [&] {
    const bool all = send_stream(ends.server, 7, kSize);
    ends.server.reset();  // both ends have been said; what is under way still arrives
    return all;
  });
  EXPECT_TRUE(receive_stream(ends.client, 7, kSize));
  EXPECT_TRUE(sent.get());
  EXPECT_EQ(ending_of(ends.client), Ending::kEnd);
  EXPECT_TRUE(this->all_ended());
}

TYPED_TEST(RelaySuite, CarriesAnEndThatIsSentTogetherWithTheFirstBytes) {
  this->start_relay_to_server();
  for (int i = 0; i < 100; ++i) {
    Ends ends;
    ends.client = dial_host(this->host_port_);
    ASSERT_TRUE(ends.client);
    // Before the relay has had the time to dial.
    ASSERT_EQ(send_all(ends.client, "GET"), 3U);
    shutdown(ends.client.get(), SHUT_WR);
    ends.server = accept_from(this->server_.listener);
    ASSERT_TRUE(ends.server);
    ASSERT_EQ(receive_exactly(ends.server, 100), "GET");
    ASSERT_EQ(send_all(ends.server, "answer"), 6U);
    ends.server.reset();
    ASSERT_EQ(receive_exactly(ends.client, 100), "answer");
  }
  EXPECT_TRUE(this->all_ended());
}

TYPED_TEST(RelaySuite, CarriesAnAnswerThatEndsAsSoonAsItIsAccepted) {
  this->start_relay_to_server();
  for (int i = 0; i < 100; ++i) {
    Ends ends = this->connect_through();
    ASSERT_EQ(send_all(ends.server, "bye"), 3U);
    ends.server.reset();
    ASSERT_EQ(receive_exactly(ends.client, 100), "bye");
    ASSERT_EQ(ending_of(ends.client), Ending::kEnd);
  }
}

// --- Resets ---

TYPED_TEST(RelaySuite, PassesOnAResetOfTheClient) {
  this->start_relay_to_server();
  Ends ends = this->connect_through();
  this->expect_talk(ends);
  reset_and_close(ends.client);
  EXPECT_EQ(ending_of(ends.server), Ending::kReset);
  EXPECT_TRUE(this->all_ended());
}

TYPED_TEST(RelaySuite, PassesOnAResetOfTheServer) {
  this->start_relay_to_server();
  Ends ends = this->connect_through();
  this->expect_talk(ends);
  reset_and_close(ends.server);
  EXPECT_EQ(ending_of(ends.client), Ending::kReset);
  EXPECT_TRUE(this->all_ended());
}

TYPED_TEST(RelaySuite, PassesOnAResetThatFollowsAnEnd) {
  this->start_relay_to_server();
  for (const bool by_client : {true, false}) {
    Ends ends = this->connect_through();
    UniqueFd& leaving = by_client ? ends.client : ends.server;
    UniqueFd& staying = by_client ? ends.server : ends.client;
    shutdown(leaving.get(), SHUT_WR);
    ASSERT_EQ(ending_of(staying), Ending::kEnd);
    reset_and_close(leaving);
    // The end has been told; the reset shows when the other side goes on writing.
    EXPECT_TRUE(eventually([&] { return send_all(staying, "x") == 0; }));
    EXPECT_TRUE(this->all_ended());
  }
}

TYPED_TEST(RelaySuite, PassesOnAResetWhileTheOtherSideDoesNotRead) {
  this->start_relay_to_server();
  for (const bool by_client : {true, false}) {
    Ends ends = this->connect_through();
    UniqueFd& leaving = by_client ? ends.client : ends.server;
    UniqueFd& staying = by_client ? ends.server : ends.client;
    keep_buffers_small(ends);
    const timeval moment{0, 200'000};
    setsockopt(leaving.get(), SOL_SOCKET, SO_SNDTIMEO, &moment, sizeof moment);
    EXPECT_FALSE(send_stream(leaving, 8, kEndless));  // until every buffer is full
    reset_and_close(leaving);
    EXPECT_TRUE(this->all_ended());
    // What had been delivered may be read; then the reset shows.
    std::string buffer(1U << 20, '\0');
    ssize_t count = 0;
    while ((count = recv(staying.get(), buffer.data(), buffer.size(), 0)) > 0) {
    }
    EXPECT_EQ(count, -1);
    EXPECT_EQ(errno, ECONNRESET);
  }
}

TYPED_TEST(RelaySuite, ResetsAClientAtOnceIfNobodyListens) {
  this->server_ = this->serve("127.0.0.1");
  const base::Endpoint nobody = this->server_.endpoint;
  this->server_.listener.reset();
  this->start_relay({nobody});
  for (std::uint64_t i = 1; i <= 20; ++i) {
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
  EXPECT_EQ(stats.total, 20U);
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

// --- Bounds ---

TYPED_TEST(RelaySuite, ASlowReaderStopsItsOwnWriterAndNobodyElse) {
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
  for (int i = 0; i < 50; ++i) this->expect_talk(this->connect_through());
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
  constexpr std::size_t kSize = 4U << 20;
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

TYPED_TEST(RelaySuite, FiveThousandShortConnectionsLeaveNothingBehind) {
  constexpr int kConnections = 5'000;
  constexpr int kClients = 4;
  this->start_relay_to_server();
  this->expect_talk(this->connect_through());
  ASSERT_TRUE(this->all_ended());
  this->way_->settle();
  const std::size_t before = this->way_->descriptors();

  std::atomic<int> answered{0};
  std::atomic<int> served{0};
  std::thread server([&] {
    while (served < kConnections) {
      UniqueFd connection = accept_from(this->server_.listener);
      if (!connection) return;
      const std::string request = receive_exactly(connection, 4);
      send_all(connection, request + "!");
      ++served;
    }
  });
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      for (int i = 0; i < kConnections / kClients; ++i) {
        std::string request = std::to_string(c * 2000 + i);
        request.resize(4, '.');
        const UniqueFd client = dial_host(this->host_port_);
        if (!client || send_all(client, request) != 4) continue;
        if (receive_exactly(client, 100) == request + "!") ++answered;
      }
    });
  }
  for (std::thread& thread : clients) thread.join();
  server.join();
  EXPECT_EQ(answered, kConnections);
  EXPECT_TRUE(this->all_ended());
  const relay::RelayStats stats = this->relay_->stats();
  EXPECT_EQ(stats.total, kConnections + 1U);
  EXPECT_EQ(stats.failed, 0U);
  EXPECT_TRUE(this->descriptors_return_to(before)) << this->way_->descriptors() << " of " << before;
}

TYPED_TEST(RelaySuite, ClientsThatLeaveAtOnceLeaveNothingBehind) {
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
  for (int i = 0; i < 1'000; ++i) {
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
