// Single rows, honest and hostile.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>

#include "detect/proc_net_tcp.h"

namespace fairlead::detect {
namespace {

using namespace std::string_literals;
using base::Family;
using base::IpAddress;

// An address as this machine's kernel prints it: each 32-bit word in native order.
std::string hex(const IpAddress& address, Family family) {
  std::string text;
  for (std::size_t at = family == Family::kIpv4 ? 12 : 0; at < 16; at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, address.bytes().data() + at, 4);
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08X", word);
    text += digits;
  }
  return text;
}

struct Row {
  std::string number = "0:";
  std::string local = hex(IpAddress::loopback4(), Family::kIpv4) + ":0BB8";
  std::string remote = "00000000:0000";
  std::string state = "0A";
  std::string queues = "00000000:00000000";
  std::string timer = "00:00000000";
  std::string retransmits = "00000000";
  std::string uid = "0";
  std::string timeout = "0";
  std::string inode = "4711";
  std::string rest = " 1 0000000026d2534f 100 0 0 10 0";

  std::string text() const {
    return "   " + number + " " + local + " " + remote + " " + state + " " + queues + " " + timer +
           " " + retransmits + "     " + uid + "        " + timeout + " " + inode + rest + "\n";
  }
};

struct Parsed {
  Snapshot snapshot;
  std::size_t malformed = 0;
  bool past_listeners = false;
};

Parsed parse_rows(const std::string& text, Family family = Family::kIpv4) {
  Parsed parsed;
  ProcNetTcpParser parser(family, parsed.snapshot);
  parser.feed(text);
  parser.finish();
  parsed.malformed = parser.malformed_rows();
  parsed.past_listeners = parser.past_listeners();
  return parsed;
}

void expect_malformed(const std::string& text, Family family = Family::kIpv4) {
  const Parsed parsed = parse_rows(text, family);
  EXPECT_TRUE(parsed.snapshot.listeners.empty()) << text;
  EXPECT_EQ(parsed.malformed, 1U) << text;
  EXPECT_FALSE(parsed.past_listeners) << text;
}

template <class Change>
std::string changed(Change change) {
  Row row;
  change(row);
  return row.text();
}

TEST(ProcNetTcpRow, TellsEndpointUserAndInode) {
  const Parsed parsed = parse_rows(changed([](Row& row) {
    row.uid = "4294967294";
    row.inode = "18446744073709551615";
  }));
  ASSERT_EQ(parsed.snapshot.listeners.size(), 1U);
  const Listener& listener = parsed.snapshot.listeners[0];
  EXPECT_EQ(listener.endpoint.to_string(), "127.0.0.1:3000");
  EXPECT_EQ(listener.uid, 4294967294U);
  EXPECT_EQ(listener.inode, 18446744073709551615ULL);
  EXPECT_EQ(parsed.malformed, 0U);
}

TEST(ProcNetTcpRow, KeepsTheOrderOfAddressBytesWhateverTheMachine) {
  for (const char* text : {"1.2.3.4", "127.0.0.1", "255.0.0.0", "0.0.0.255", "10.20.30.40"}) {
    const IpAddress address = *IpAddress::parse(text);
    const Parsed parsed =
        parse_rows(changed([&](Row& row) { row.local = hex(address, Family::kIpv4) + ":0BB8"; }));
    ASSERT_EQ(parsed.snapshot.listeners.size(), 1U) << text;
    EXPECT_EQ(parsed.snapshot.listeners[0].endpoint.address, address);
  }
  for (const char* text : {"::", "::1", "2001:db8:1:2:3:4:5:6", "fe80::abcd", "ff02::1",
                           "::ffff:127.0.0.1", "::ffff:10.20.30.40"}) {
    const IpAddress address = *IpAddress::parse(text);
    const std::string none = "00000000000000000000000000000000:0000";
    const Parsed parsed = parse_rows(changed([&](Row& row) {
                                       row.local = hex(address, Family::kIpv6) + ":0BB8";
                                       row.remote = none;
                                     }),
                                     Family::kIpv6);
    ASSERT_EQ(parsed.snapshot.listeners.size(), 1U) << text;
    EXPECT_EQ(parsed.snapshot.listeners[0].endpoint.address, address);
  }
}

TEST(ProcNetTcpRow, ReadsThePortInNetworkOrder) {
  for (const auto& [digits, port] :
       {std::pair("0001", 1), {"0100", 256}, {"0BB8", 3000}, {"0bb8", 3000}, {"FFFF", 65535}}) {
    const Parsed parsed =
        parse_rows(changed([&, text = digits](Row& row) { row.local = "00000000:"s + text; }));
    ASSERT_EQ(parsed.snapshot.listeners.size(), 1U) << digits;
    EXPECT_EQ(parsed.snapshot.listeners[0].endpoint.port, port);
  }
}

TEST(ProcNetTcpRow, PortZeroIsNoListener) {
  expect_malformed(changed([](Row& row) { row.local = "00000000:0000"; }));
}

TEST(ProcNetTcpRow, OtherStatesAreNoListenersAndEndTheSearch) {
  for (int state = 0; state < 16; ++state) {
    if (state == 10) continue;
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02X", static_cast<unsigned>(state));
    const Parsed parsed = parse_rows(changed([&](Row& row) { row.state = digits; }));
    EXPECT_TRUE(parsed.snapshot.listeners.empty()) << digits;
    EXPECT_EQ(parsed.malformed, 0U);
    EXPECT_TRUE(parsed.past_listeners) << digits;
  }
}

TEST(ProcNetTcpRow, ThatDoesNotFitIsCountedAndNeverGuessedAt) {
  const std::string nul(1, '\0');
  const std::vector<std::function<void(Row&)>> changes = {
      [](Row& row) { row.number = "0"; },
      [](Row& row) { row.number = ":"; },
      [](Row& row) { row.number = "x:"; },
      [](Row& row) { row.number = "-1:"; },
      [](Row& row) { row.local = "0100007F"; },
      [](Row& row) { row.local = ":0BB8"; },
      [](Row& row) { row.local = "0100007F:"; },
      [](Row& row) { row.local = "0100007F:BB8"; },
      [](Row& row) { row.local = "0100007F:00BB8"; },
      [](Row& row) { row.local = "100007F:0BB8"; },
      [](Row& row) { row.local = "00100007F:0BB8"; },
      [](Row& row) { row.local = "0100007G:0BB8"; },
      [](Row& row) { row.local = "0100007F:0BBG"; },
      [](Row& row) { row.local = "0100007F:-BB8"; },
      [](Row& row) { row.local = "0x00007F:0BB8"; },
      [](Row& row) { row.local = "+100007F:0BB8"; },
      [](Row& row) { row.local = "0100007F:0BB8:0000"; },
      [](Row& row) { row.local = "00000000000000000000000001000000:1435"; },
      [](Row& row) { row.remote = "00000000"; },
      [](Row& row) { row.remote = ""; },
      [](Row& row) { row.state = "A"; },
      [](Row& row) { row.state = "00A"; },
      [](Row& row) { row.state = "0G"; },
      [](Row& row) { row.state = "LISTEN"; },
      [](Row& row) { row.uid = "root"; },
      [](Row& row) { row.uid = "-1"; },
      [](Row& row) { row.uid = "4294967296"; },
      [](Row& row) { row.inode = "18446744073709551616"; },
      [](Row& row) { row.inode = "4711x"; },
      [](Row& row) { row.inode = row.rest = ""; },
      [&](Row& row) { row.local = "0100007F" + nul + ":0BB8"; },
      [&](Row& row) { row.local = "0100007F:0BB" + nul; },
      [&](Row& row) { row.uid = "0" + nul; },
      [&](Row& row) { row.inode = nul; },
  };
  for (const auto& change : changes) expect_malformed(changed(change));
}

TEST(ProcNetTcpRow, TextThatIsNoRowIsMalformed) {
  for (const std::string& text :
       {"\0"s, "\0\0\0\0\n"s, "x"s, "LISTEN 0 128 127.0.0.1:3000\n"s, "0: 1: 2: 3: 4: 5: 6:\n"s,
        "\t0:\t0100007F:0BB8\n"s, "0:0100007F:0BB8 00000000:0000 0A\n"s, "\xff\xfe\xfd\n"s}) {
    expect_malformed(text);
  }
}

TEST(ProcNetTcpRow, NothingAndEmptyLinesAndHeadingsAreNotMalformed) {
  for (const std::string& text :
       {""s, "\n"s, "\n\n\n"s, "   \n"s, "  sl  local_address rem_address   st\n"s,
        "  sl  local_address                         remote_address\n"s, "  sl"s}) {
    const Parsed parsed = parse_rows(text);
    EXPECT_TRUE(parsed.snapshot.listeners.empty());
    EXPECT_EQ(parsed.malformed, 0U) << text;
    EXPECT_FALSE(parsed.past_listeners);
  }
}

TEST(ProcNetTcpRow, AHeadingInTheMiddleHidesNobody) {
  const Parsed parsed = parse_rows(Row{}.text() + "  sl  local_address\n" + Row{}.text());
  EXPECT_EQ(parsed.snapshot.listeners.size(), 2U);
}

TEST(ProcNetTcpRow, MalformedOnesHideNobodyElse) {
  const Parsed parsed =
      parse_rows("garbage\n" + Row{}.text() + "\0\0\n"s + Row{}.text() + "more\n");
  EXPECT_EQ(parsed.snapshot.listeners.size(), 2U);
  EXPECT_EQ(parsed.malformed, 3U);
}

TEST(ProcNetTcpRow, ColumnsThatAreNotThereAreMissingInEveryPlace) {
  const std::string whole = Row{}.text();
  std::vector<std::string> fields;
  for (std::size_t at = 0; (at = whole.find_first_not_of(" \n", at)) != std::string::npos;) {
    const std::size_t end = whole.find_first_of(" \n", at);
    fields.push_back(whole.substr(at, end - at));
    at = end;
  }
  for (std::size_t count = 1; count < 10; ++count) {
    std::string row;
    for (std::size_t i = 0; i < count; ++i) row += " " + fields[i];
    expect_malformed(row + "\n");
    expect_malformed(row);
  }
}

TEST(ProcNetTcpRow, AColumnMissingInTheMiddleIsNotGuessedAround) {
  // The columns behind it would each be taken for their neighbour.
  expect_malformed(changed([](Row& row) { row.queues = ""; }));
  expect_malformed(changed([](Row& row) { row.timer = ""; }));
  expect_malformed(changed([](Row& row) { row.retransmits = ""; }));
}

TEST(ProcNetTcpRow, TheLastOneWithoutItsNewlineIsJudgedAsItStands) {
  std::string whole = Row{}.text();
  whole.pop_back();
  EXPECT_EQ(parse_rows(whole).snapshot.listeners.size(), 1U);
  expect_malformed(whole.substr(0, whole.find("4711")));
}

TEST(ProcNetTcpRow, UpToTheBoundIsReadAndBeyondItIsMalformed) {
  const std::string row = Row{}.text();
  const auto padded = [&](std::size_t length) {
    std::string text = row.substr(0, row.size() - 1);
    text.resize(length, ' ');
    return text + "\n";
  };
  EXPECT_EQ(parse_rows(padded(kMaxRowLength)).snapshot.listeners.size(), 1U);
  expect_malformed(padded(kMaxRowLength + 1));
}

TEST(ProcNetTcpRow, OfAMebibyteIsOneMalformedRowHoweverItComes) {
  for (const char filler : {' ', '0', '\0', 'x'}) {
    const std::string huge = Row{}.text().substr(0, 100) + std::string(1U << 20, filler) + "\n";
    const std::string text = Row{}.text() + huge + Row{}.text();
    for (const std::size_t size :
         {text.size(), std::size_t{65536}, std::size_t{4096}, std::size_t{1023}, std::size_t{1}}) {
      Snapshot snapshot;
      ProcNetTcpParser parser(Family::kIpv4, snapshot);
      for (std::size_t at = 0; at < text.size(); at += size) {
        parser.feed(std::string_view(text).substr(at, size));
      }
      parser.finish();
      ASSERT_EQ(snapshot.listeners.size(), 2U) << size;
      ASSERT_EQ(parser.malformed_rows(), 1U) << size;
    }
  }
}

TEST(ProcNetTcpRow, AnEndlessOneIsCountedOnceAndEndsWithTheFile) {
  Snapshot snapshot;
  ProcNetTcpParser parser(Family::kIpv4, snapshot);
  const std::string piece(1U << 16, '7');
  for (int i = 0; i < 16; ++i) parser.feed(piece);
  EXPECT_EQ(parser.malformed_rows(), 1U);
  parser.finish();
  EXPECT_EQ(parser.malformed_rows(), 1U);
  parser.feed(Row{}.text());
  EXPECT_EQ(snapshot.listeners.size(), 1U);
}

TEST(ProcNetTcpRow, BeyondTheBoundOnListenersIsCountedAndNotKept) {
  std::string text;
  constexpr std::size_t kBeyond = 1000;
  for (std::size_t i = 0; i < kMaxListeners + kBeyond; ++i) {
    char port[6];
    std::snprintf(port, sizeof port, ":%04X", static_cast<unsigned>(i + 1));
    text += changed([&](Row& row) { row.local = "00000000"s + port; });
  }
  const Parsed parsed = parse_rows(text);
  EXPECT_EQ(parsed.snapshot.listeners.size(), kMaxListeners);
  EXPECT_EQ(parsed.snapshot.dropped, kBeyond);
  EXPECT_EQ(parsed.malformed, 0U);
}

TEST(ProcNetTcpRow, TheBoundHoldsForBothFamiliesTogether) {
  Snapshot snapshot;
  snapshot.listeners.resize(kMaxListeners);
  ProcNetTcpParser parser(Family::kIpv4, snapshot);
  parser.feed(Row{}.text());
  EXPECT_EQ(snapshot.listeners.size(), kMaxListeners);
  EXPECT_EQ(snapshot.dropped, 1U);
}

// A reproducible storm of changed bytes: whatever comes, no listener appears that was not written.
TEST(ProcNetTcpRow, RandomDamageNeverMakesPortZeroOrMoreListenersThanRows) {
  std::uint32_t state = 12345;
  const auto random = [&] { return state = state * 1664525U + 1013904223U; };
  std::string original;
  for (int i = 0; i < 20; ++i) original += Row{}.text();
  for (int round = 0; round < 3000; ++round) {
    std::string text = original;
    for (int i = 0; i < 8; ++i)
      text[(random() >> 8) % text.size()] = static_cast<char>(random() >> 24);
    const Parsed parsed = parse_rows(text);
    const auto rows = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    ASSERT_LE(parsed.snapshot.listeners.size() + parsed.malformed, rows);
    for (const Listener& listener : parsed.snapshot.listeners) ASSERT_NE(listener.endpoint.port, 0);
  }
}

}  // namespace
}  // namespace fairlead::detect
