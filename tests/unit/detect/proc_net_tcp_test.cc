// Whole files as real kernels print them, in one piece and in every other way to cut them.
#include "detect/proc_net_tcp.h"

#include <gtest/gtest.h>

#include <bit>

namespace fairlead::detect {
namespace {

using base::Family;

// Linux 6.18, x86-64: 127.0.0.2:3000, 127.0.0.1:3000, 0.0.0.0:9000 twice (SO_REUSEPORT),
// 0.0.0.0:8080; then connections and a TIME_WAIT. Rows of tcp are padded with spaces.
constexpr const char* kTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode                                                     \n"
    "   0: 0200007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "23413 1 0000000026d2534f 100 0 0 10 0                     \n"
    "   1: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
    "23412 1 00000000b5d2e30e 100 0 0 10 0                     \n"
    "   2: 00000000:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "23416 1 000000006db96510 100 0 0 10 0                     \n"
    "   3: 00000000:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "23415 1 00000000d60521df 100 0 0 10 0                     \n"
    "   4: 00000000:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 "
    "23414 1 0000000074e3e528 100 0 0 10 0                     \n"
    "   5: 0100007F:C584 0100007F:0BB8 01 00000000:00000000 00:00000000 00000000     0        0 "
    "23421 2 00000000dcffbe51 20 0 0 10 -1                     \n"
    "   6: 0100007F:C588 0100007F:0BB8 06 00000000:00000000 03:0000176F 00000000     0        0 "
    "0 3 000000004dfdc503                                      \n"
    "   7: 0100007F:0BB8 0100007F:C584 01 00000000:00000000 00:00000000 00000000     0        0 "
    "23422 1 00000000a3c51aea 20 0 0 10 -1                     \n";

// [::1]:5173, [::ffff:127.0.0.1]:8083, [::]:8082, [::]:8081, then a connection's two ends.
constexpr const char* kTcp6 =
    "  sl  local_address                         remote_address                        st tx_queue "
    "rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 00000000000000000000000001000000:1435 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 23417 1 00000000f9ec5da2 100 0 0 10 0\n"
    "   1: 0000000000000000FFFF00000100007F:1F93 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 23420 1 00000000e02453e4 100 0 0 10 0\n"
    "   2: 00000000000000000000000000000000:1F92 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 23419 1 000000007102408c 100 0 0 10 0\n"
    "   3: 00000000000000000000000000000000:1F91 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 23418 1 00000000b44c38fc 100 0 0 10 0\n"
    "   4: 00000000000000000000000001000000:1435 00000000000000000000000001000000:9A62 01 "
    "00000000:00000000 00:00000000 00000000     0        0 23424 1 00000000216c0fba 20 0 0 10 -1\n"
    "   5: 00000000000000000000000001000000:9A62 00000000000000000000000001000000:1435 01 "
    "00000000:00000000 00:00000000 00000000     0        0 23423 2 00000000fd5694f6 20 0 0 10 -1\n";

// Linux 3.10: the pointer is printed in full, the columns are the same.
constexpr const char* kOldTcp =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode                                                     \n"
    "   0: 0100007F:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "17042 1 ffff88003657e100 99 0 0 10 0                      \n";

struct Outcome {
  std::vector<std::string> listeners;  // "endpoint uid inode" in the file's order
  std::size_t malformed = 0;
  bool past_listeners = false;

  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  for (const std::string& listener : outcome.listeners) out << listener << "; ";
  return out << outcome.malformed << " malformed, past listeners: " << outcome.past_listeners;
}

Outcome parse(Family family, const std::vector<std::string_view>& pieces) {
  Snapshot snapshot;
  ProcNetTcpParser parser(family, snapshot);
  for (const std::string_view piece : pieces) parser.feed(piece);
  parser.finish();
  Outcome outcome;
  for (const Listener& listener : snapshot.listeners) {
    outcome.listeners.push_back(listener.endpoint.to_string() + " " + std::to_string(listener.uid) +
                                " " + std::to_string(listener.inode));
  }
  outcome.malformed = parser.malformed_rows();
  outcome.past_listeners = parser.past_listeners();
  return outcome;
}

const Outcome kTcpOutcome{{"127.0.0.2:3000 0 23413", "127.0.0.1:3000 1000 23412",
                           "0.0.0.0:9000 0 23416", "0.0.0.0:9000 0 23415", "0.0.0.0:8080 0 23414"},
                          0,
                          true};
const Outcome kTcp6Outcome{
    {"[::1]:5173 0 23417", "127.0.0.1:8083 0 23420", "[::]:8082 0 23419", "[::]:8081 0 23418"},
    0,
    true};

class RealFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::endian::native != std::endian::little) {
      GTEST_SKIP() << "the files were taken from a little-endian machine";
    }
  }
};

TEST_F(RealFiles, ListTheListenersAndNothingElse) {
  EXPECT_EQ(parse(Family::kIpv4, {kTcp}), kTcpOutcome);
  EXPECT_EQ(parse(Family::kIpv6, {kTcp6}), kTcp6Outcome);
  EXPECT_EQ(parse(Family::kIpv4, {kOldTcp}), (Outcome{{"127.0.0.1:25 0 17042"}, 0, false}));
}

TEST_F(RealFiles, MeanTheSameByteByByte) {
  for (const auto& [family, text, outcome] :
       {std::tuple(Family::kIpv4, std::string_view(kTcp), kTcpOutcome),
        std::tuple(Family::kIpv6, std::string_view(kTcp6), kTcp6Outcome)}) {
    std::vector<std::string_view> bytes;
    for (std::size_t i = 0; i < text.size(); ++i) bytes.push_back(text.substr(i, 1));
    EXPECT_EQ(parse(family, bytes), outcome);
  }
}

TEST_F(RealFiles, MeanTheSameHoweverTheyAreCutInTwo) {
  for (const auto& [family, text, outcome] :
       {std::tuple(Family::kIpv4, std::string_view(kTcp), kTcpOutcome),
        std::tuple(Family::kIpv6, std::string_view(kTcp6), kTcp6Outcome)}) {
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      ASSERT_EQ(parse(family, {text.substr(0, cut), text.substr(cut)}), outcome) << cut;
    }
  }
}

TEST_F(RealFiles, MeanTheSameInPiecesOfEverySize) {
  const std::string_view text = kTcp;
  for (std::size_t size = 1; size <= 300; ++size) {
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < text.size(); at += size) pieces.push_back(text.substr(at, size));
    ASSERT_EQ(parse(Family::kIpv4, pieces), kTcpOutcome) << size;
  }
}

TEST_F(RealFiles, ThatEndAnywhereShowNoListenerThatIsNotThere) {
  const std::string_view text = kTcp;
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const Outcome outcome = parse(Family::kIpv4, {text.substr(0, length)});
    ASSERT_LE(outcome.listeners.size(), kTcpOutcome.listeners.size());
    ASSERT_LE(outcome.malformed, 1U) << length;
    for (std::size_t i = 0; i < outcome.listeners.size(); ++i) {
      // Of a row cut within its inode, that number may be short; the endpoint and user are right.
      const std::string& expected = kTcpOutcome.listeners[i];
      ASSERT_EQ(outcome.listeners[i], expected.substr(0, outcome.listeners[i].size())) << length;
      const std::size_t inode = expected.rfind(' ') + 1;
      ASSERT_GT(outcome.listeners[i].size(), inode) << length;
    }
  }
}

TEST_F(RealFiles, OfTheOtherFamilyAreAllMalformed) {
  EXPECT_EQ(parse(Family::kIpv6, {kTcp}), (Outcome{{}, 8, false}));
  EXPECT_EQ(parse(Family::kIpv4, {kTcp6}), (Outcome{{}, 6, false}));
}

TEST_F(RealFiles, SayTheyArePastTheListenersAtTheFirstOtherRow) {
  Snapshot snapshot;
  ProcNetTcpParser parser(Family::kIpv4, snapshot);
  const std::string_view text = kTcp;
  const std::size_t other = text.find("   5: ");
  const std::size_t end = text.find('\n', other);
  parser.feed(text.substr(0, end));
  EXPECT_FALSE(parser.past_listeners());
  parser.feed(text.substr(end, 1));
  EXPECT_TRUE(parser.past_listeners());
  EXPECT_EQ(snapshot.listeners.size(), 5U);
}

TEST_F(RealFiles, OfBothFamiliesGiveOneNormalizedPicture) {
  Snapshot snapshot;
  ProcNetTcpParser v4(Family::kIpv4, snapshot);
  v4.feed(kTcp);
  v4.finish();
  ProcNetTcpParser v6(Family::kIpv6, snapshot);
  v6.feed(kTcp6);
  v6.finish();
  normalize(snapshot);
  std::vector<std::string> shown;
  for (const auto& listener : snapshot.listeners) shown.push_back(listener.endpoint.to_string());
  EXPECT_EQ(shown, (std::vector<std::string>{"0.0.0.0:8080", "0.0.0.0:9000", "127.0.0.1:3000",
                                             "127.0.0.1:8083", "127.0.0.2:3000", "[::]:8081",
                                             "[::]:8082", "[::1]:5173"}));
}

TEST(ParseSocketTables, ReadsBothTablesFromOneText) {
  const std::string header =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n";
  const std::string v4 =
      "   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
      "11 1 0000000000000000 100 0 0 10 0\n";
  const std::string v6 =
      "   0: 00000000000000000000000001000000:0BB9 00000000000000000000000000000000:0000 0A "
      "00000000:00000000 00:00000000 00000000     0        0 12 1 0000000000000000 100 0 0 10 0\n";
  const auto both = parse_socket_tables(header + v4 + header + v6);
  ASSERT_TRUE(both);
  ASSERT_EQ(both->listeners.size(), 2U);
  EXPECT_EQ(both->listeners[0].endpoint.to_string(), "127.0.0.1:3000");
  EXPECT_EQ(both->listeners[1].endpoint.to_string(), "[::1]:3001");
  const auto alone = parse_socket_tables(header + v4);
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->listeners.size(), 1U);
  EXPECT_TRUE(parse_socket_tables(header)) << "nobody listens";
  EXPECT_FALSE(parse_socket_tables("")) << "nothing was seen";
  EXPECT_FALSE(parse_socket_tables("cat: /proc/net/tcp: Permission denied\n"));
}

}  // namespace
}  // namespace fairlead::detect
