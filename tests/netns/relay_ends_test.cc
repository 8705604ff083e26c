// What the kinds of relays guarantee about the end of a connection: in order or by a reset, on one
// side first, on both at once, with bytes still under way.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/netns/relay_kinds.h"

namespace fairlead::testing {
namespace {

using base::UniqueFd;

// More than every buffer between the two ends holds.
constexpr std::size_t kLate = 24U << 20;

// More than all buffers between two ends ever hold, if each of them is bounded.
constexpr std::size_t kMoreThanBuffers = 512U << 20;

// --- The client is told how the server ended ---

class RelayEnding : public RelayKindTest {};

INSTANTIATE_TEST_SUITE_P(, RelayEnding, ::testing::ValuesIn(kEndingKinds), name_of_kind);

TEST_P(RelayEnding, CarriesEverythingThatTheServerSentBeforeItsEnd) {
  start_relay_to_server();
  const Ends ends = connect_through();
  auto sent = std::async(std::launch::async, [&] {
    const bool all = send_stream(ends.server, 2, kLate);
    shutdown(ends.server.get(), SHUT_WR);
    return all;
  });
  EXPECT_TRUE(receive_stream(ends.client, 2, kLate));
  EXPECT_EQ(ending_of(ends.client), Ending::kEnd);
  EXPECT_TRUE(sent.get());
}

TEST_P(RelayEnding, CarriesAnAnswerThatEndsAsSoonAsItIsAccepted) {
  const int times = kind().programs ? 20 : 100;
  start_relay_to_server();
  for (int i = 0; i < times; ++i) {
    Ends ends = connect_through();
    ASSERT_EQ(send_all(ends.server, "bye"), 3U);
    ends.server.reset();
    ASSERT_EQ(receive_exactly(ends.client, 100), "bye");
    ASSERT_EQ(ending_of(ends.client), Ending::kEnd);
  }
}

TEST_P(RelayEnding, PassesOnAResetOfTheServer) {
  start_relay_to_server();
  Ends ends = connect_through();
  expect_talk(ends);
  reset_and_close(ends.server);
  EXPECT_EQ(ending_of(ends.client), Ending::kReset);
  EXPECT_TRUE(all_ended());
}

TEST_P(RelayEnding, ThousandsOfShortConnectionsLeaveNothingBehind) {
  const int connections = kind().programs ? 100 : 5'000;
  constexpr int kClients = 4;
  start_relay_to_server();
  expect_talk(connect_through());
  ASSERT_TRUE(all_ended());
  way_->settle();
  const std::size_t before = way_->descriptors();

  std::atomic<int> answered{0};
  std::atomic<int> served{0};
  std::thread server([&] {
    while (served < connections) {
      UniqueFd connection = accept_from(server_.listener);
      if (!connection) return;
      const std::string request = receive_exactly(connection, 4);
      send_all(connection, request + "!");
      ++served;
    }
  });
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      for (int i = 0; i < connections / kClients; ++i) {
        std::string request = std::to_string(c * 2000 + i);
        request.resize(4, '.');
        const UniqueFd client = dial_host(host_port_);
        if (!client || send_all(client, request) != 4) continue;
        if (receive_exactly(client, 100) == request + "!") ++answered;
      }
    });
  }
  for (std::thread& thread : clients) thread.join();
  server.join();
  EXPECT_EQ(answered, connections);
  EXPECT_TRUE(all_ended());
  const relay::RelayStats stats = relay_->stats();
  EXPECT_EQ(stats.total, connections + 1U);
  EXPECT_EQ(stats.failed, 0U);
  EXPECT_TRUE(descriptors_return_to(before)) << way_->descriptors() << " of " << before;
}

// --- And the server hears the client's end ---

class RelayHalfClose : public RelayKindTest {};

INSTANTIATE_TEST_SUITE_P(, RelayHalfClose, ::testing::ValuesIn(kHalfClosingKinds), name_of_kind);

TEST_P(RelayHalfClose, PassesOnTheClientsEndAndKeepsTheAnswersWayOpen) {
  start_relay_to_server();
  Ends ends = connect_through();
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
  EXPECT_EQ(relay_->stats().open, 1U);
  ends.server.reset();
  EXPECT_EQ(ending_of(ends.client), Ending::kEnd);
  EXPECT_TRUE(all_ended());
}

TEST_P(RelayHalfClose, EndsTheConnectionWhicheverSideEndsFirst) {
  start_relay_to_server();
  for (const bool client_first : {true, false}) {
    Ends ends = connect_through();
    expect_talk(ends);
    UniqueFd& first = client_first ? ends.client : ends.server;
    UniqueFd& second = client_first ? ends.server : ends.client;
    shutdown(first.get(), SHUT_WR);
    EXPECT_EQ(ending_of(second), Ending::kEnd);
    shutdown(second.get(), SHUT_WR);
    EXPECT_EQ(ending_of(first), Ending::kEnd);
    EXPECT_TRUE(all_ended());
  }
}

TEST_P(RelayHalfClose, DeliversWhatWasSentBeforeAnEndHoweverLateItIsRead) {
  start_relay_to_server();
  for (const bool to_container : {true, false}) {
    Ends ends = connect_through();
    UniqueFd& source = to_container ? ends.client : ends.server;
    UniqueFd& sink = to_container ? ends.server : ends.client;
    auto sent = std::async(std::launch::async, [&] {
      const bool all = send_stream(source, 6, kLate);
      shutdown(source.get(), SHUT_WR);
      return all;
    });
    // The other direction works while this one is stuck.
    ASSERT_EQ(send_all(sink, "meanwhile"), 9U);
    ASSERT_EQ(receive_exactly(source, 9), "meanwhile");
    EXPECT_TRUE(receive_stream(sink, 6, kLate));
    EXPECT_EQ(ending_of(sink), Ending::kEnd);
    EXPECT_TRUE(sent.get());
  }
}

TEST_P(RelayHalfClose, DeliversEverythingToAClientThatHasAlreadyEndedItsOwnDirection) {
  start_relay_to_server();
  Ends ends = connect_through();
  shutdown(ends.client.get(), SHUT_WR);
  ASSERT_EQ(ending_of(ends.server), Ending::kEnd);
  auto sent = std::async(std::launch::async, [&] {
    const bool all = send_stream(ends.server, 7, kLate);
    ends.server.reset();  // both ends have been said; what is under way still arrives
    return all;
  });
  EXPECT_TRUE(receive_stream(ends.client, 7, kLate));
  EXPECT_TRUE(sent.get());
  EXPECT_EQ(ending_of(ends.client), Ending::kEnd);
  EXPECT_TRUE(all_ended());
}

TEST_P(RelayHalfClose, CarriesAnEndThatIsSentTogetherWithTheFirstBytes) {
  const int times = kind().programs ? 20 : 100;
  start_relay_to_server();
  for (int i = 0; i < times; ++i) {
    Ends ends;
    ends.client = dial_host(host_port_);
    ASSERT_TRUE(ends.client);
    // Before the relay has had the time to dial.
    ASSERT_EQ(send_all(ends.client, "GET"), 3U);
    shutdown(ends.client.get(), SHUT_WR);
    ends.server = accept_from(server_.listener);
    ASSERT_TRUE(ends.server);
    ASSERT_EQ(receive_exactly(ends.server, 100), "GET");
    ASSERT_EQ(send_all(ends.server, "answer"), 6U);
    ends.server.reset();
    ASSERT_EQ(receive_exactly(ends.client, 100), "answer");
  }
  EXPECT_TRUE(all_ended());
}

TEST_P(RelayHalfClose, PassesOnAResetOfTheClient) {
  start_relay_to_server();
  Ends ends = connect_through();
  expect_talk(ends);
  reset_and_close(ends.client);
  expect_gone(ends.server);
  EXPECT_TRUE(all_ended());
}

TEST_P(RelayHalfClose, PassesOnAResetThatFollowsAnEnd) {
  start_relay_to_server();
  for (const bool by_client : {true, false}) {
    Ends ends = connect_through();
    UniqueFd& leaving = by_client ? ends.client : ends.server;
    UniqueFd& staying = by_client ? ends.server : ends.client;
    shutdown(leaving.get(), SHUT_WR);
    ASSERT_EQ(ending_of(staying), Ending::kEnd);
    reset_and_close(leaving);
    // The end has been told; the reset shows when the other side goes on writing.
    EXPECT_TRUE(eventually([&] { return send_all(staying, "x") == 0; }));
    EXPECT_TRUE(all_ended());
  }
}

// --- And everything the other way round ---

class RelayExact : public RelayKindTest {};

INSTANTIATE_TEST_SUITE_P(, RelayExact, ::testing::ValuesIn(kExactKinds), name_of_kind);

TEST_P(RelayExact, CarriesBothStreamsToTheirEndsAtOnce) {
  start_relay_to_server();
  const Ends ends = connect_through();
  const auto send_to_the_end = [](const UniqueFd& fd, std::uint64_t seed) {
    const bool all = send_stream(fd, seed, kLate);
    shutdown(fd.get(), SHUT_WR);
    return all;
  };
  auto client_sent =
      std::async(std::launch::async, [&] { return send_to_the_end(ends.client, 3); });
  auto server_sent =
      std::async(std::launch::async, [&] { return send_to_the_end(ends.server, 4); });
  auto client_got =
      std::async(std::launch::async, [&] { return receive_stream(ends.client, 4, kLate); });
  EXPECT_TRUE(receive_stream(ends.server, 3, kLate));
  EXPECT_TRUE(client_got.get());
  EXPECT_TRUE(client_sent.get());
  EXPECT_TRUE(server_sent.get());
  EXPECT_EQ(ending_of(ends.client), Ending::kEnd);
  EXPECT_EQ(ending_of(ends.server), Ending::kEnd);
  EXPECT_TRUE(all_ended());
}

TEST_P(RelayExact, PassesOnTheServersEndAndKeepsTheRequestsWayOpen) {
  start_relay_to_server();
  Ends ends = connect_through();
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
  EXPECT_EQ(relay_->stats().open, 1U);
  ends.client.reset();
  EXPECT_EQ(ending_of(ends.server), Ending::kEnd);
  EXPECT_TRUE(all_ended());
}

TEST_P(RelayExact, EndsTheConnectionWhenBothSidesEndAtOnce) {
  start_relay_to_server();
  for (int i = 0; i < 200; ++i) {
    const Ends ends = connect_through();
    ASSERT_EQ(send_all(ends.client, "a"), 1U);
    ASSERT_EQ(send_all(ends.server, "b"), 1U);
    shutdown(ends.client.get(), SHUT_WR);
    shutdown(ends.server.get(), SHUT_WR);
    ASSERT_EQ(receive_exactly(ends.client, 2), "b");
    ASSERT_EQ(receive_exactly(ends.server, 2), "a");
  }
  EXPECT_TRUE(all_ended());
}

TEST_P(RelayExact, PassesOnAResetWhileTheOtherSideDoesNotRead) {
  start_relay_to_server();
  for (const bool by_client : {true, false}) {
    Ends ends = connect_through();
    UniqueFd& leaving = by_client ? ends.client : ends.server;
    UniqueFd& staying = by_client ? ends.server : ends.client;
    keep_buffers_small(ends);
    const timeval moment{0, 200'000};
    setsockopt(leaving.get(), SOL_SOCKET, SO_SNDTIMEO, &moment, sizeof moment);
    EXPECT_FALSE(send_stream(leaving, 8, kMoreThanBuffers));  // until every buffer is full
    reset_and_close(leaving);
    EXPECT_TRUE(all_ended());
    // What had been delivered may be read; then the reset shows.
    std::string buffer(1U << 20, '\0');
    ssize_t count = 0;
    while ((count = recv(staying.get(), buffer.data(), buffer.size(), 0)) > 0) {
    }
    EXPECT_EQ(count, -1);
    EXPECT_EQ(errno, ECONNRESET);
  }
}

}  // namespace
}  // namespace fairlead::testing
