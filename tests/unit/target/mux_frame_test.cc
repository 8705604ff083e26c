#include "target/mux/frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace fairlead::target::mux {
namespace {

const std::string kNonce = "00112233445566778899aabbccddeeff";

struct Seen {
  FrameType type;
  std::uint8_t flags;
  std::uint32_t stream;
  std::string payload;
  bool operator==(const Seen&) const = default;
};

class Keeper : public FrameReader::Sink {
 public:
  std::vector<Seen> seen;
  std::size_t refuse_from = std::numeric_limits<std::size_t>::max();

  bool on_frame(const FrameHeader& header, std::string_view payload) override {
    EXPECT_EQ(header.length, payload.size());
    seen.push_back({header.type, header.flags, header.stream, std::string(payload)});
    return seen.size() <= refuse_from;
  }
};

// In memory of exactly each piece's size, so that a look behind it is seen.
bool feed_in_pieces(FrameReader& reader, std::string_view bytes, std::size_t size, Keeper& keeper) {
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, size);
    bytes.remove_prefix(piece.size());
    const std::vector<char> exact(piece.begin(), piece.end());
    if (!reader.feed({exact.data(), exact.size()}, keeper)) return false;
  }
  return true;
}

std::string pattern(std::size_t size, unsigned seed = 1) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251 + seed);
  return bytes;
}

std::string hello(const std::string& nonce = kNonce) {
  return frame(FrameType::kHello, 0, std::string(kMark) + nonce);
}

const Seen kHelloSeen{FrameType::kHello, 0, 0, std::string(kMark) + kNonce};

std::string header_bytes(const FrameHeader& header) {
  std::string bytes(kHeaderSize, '\x55');
  write_header(bytes.data(), header);
  return bytes;
}

TEST(MuxFrame, HeadersComeBackAsTheyWereWritten) {
  for (unsigned type = 1; type <= kHighestType; ++type) {
    for (const unsigned flags : {0U, 1U, 2U, 255U}) {
      for (const std::uint32_t stream : {0U, 1U, 0x01020304U, UINT32_MAX}) {
        for (const std::size_t length : {std::size_t{0}, std::size_t{257}, kMostPayload}) {
          const FrameHeader header{static_cast<FrameType>(type), static_cast<std::uint8_t>(flags),
                                   stream, static_cast<std::uint32_t>(length)};
          const auto read = read_header(header_bytes(header).data());
          ASSERT_TRUE(read);
          EXPECT_EQ(read->type, header.type);
          EXPECT_EQ(read->flags, header.flags);
          EXPECT_EQ(read->stream, header.stream);
          EXPECT_EQ(read->length, header.length);
        }
      }
    }
  }
}

TEST(MuxFrame, AHeaderHasItsPlacesAndLittleEndianNumbers) {
  EXPECT_EQ(header_bytes({FrameType::kData, 3, 0x01020304, 0x7f01}),
            std::string("\x05\x03\0\0\x04\x03\x02\x01\x01\x7f\0\0", 12));
}

TEST(MuxFrame, HeadersThatNoFrameHasAreRefused) {
  const std::string good = header_bytes({FrameType::kData, 0, 1, kMostPayload});
  ASSERT_TRUE(read_header(good.data()));
  for (const unsigned type : {0U, kHighestType + 1U, 255U}) {
    std::string bad = good;
    bad[0] = static_cast<char>(type);
    EXPECT_FALSE(read_header(bad.data())) << type;
  }
  for (const std::size_t unused : {2U, 3U}) {
    std::string bad = good;
    bad[unused] = 1;
    EXPECT_FALSE(read_header(bad.data())) << unused;
  }
  for (const std::uint32_t length : {static_cast<std::uint32_t>(kMostPayload) + 1, UINT32_MAX}) {
    EXPECT_FALSE(read_header(header_bytes({FrameType::kData, 0, 1, length}).data())) << length;
  }
}

TEST(MuxFrame, NumbersComeBackAsFarAsTheirBytesReach) {
  constexpr std::uint64_t kValue = 0xf1e2d3c4b5a69788;
  for (std::size_t bytes = 1; bytes <= 8; ++bytes) {
    std::string to = "before";
    append_number(to, kValue, bytes);
    ASSERT_EQ(to.size(), 6 + bytes);
    EXPECT_EQ(to.substr(0, 6), "before");
    const std::uint64_t kept = bytes == 8 ? kValue : kValue & ((std::uint64_t{1} << 8 * bytes) - 1);
    EXPECT_EQ(read_number(to.substr(6) + "behind", bytes), kept);
  }
  std::string to;
  append_number(to, 0x0102, 2);
  EXPECT_EQ(to, "\x02\x01");
}

TEST(MuxFrame, EndpointsComeBack) {
  using base::IpAddress;
  for (const char* address : {"127.0.0.1", "0.0.0.0", "172.18.1.3", "::1", "::", "fd00::7"}) {
    for (const std::uint16_t port : {std::uint16_t{1}, std::uint16_t{3000}, std::uint16_t{65535}}) {
      const base::Endpoint endpoint{*IpAddress::parse(address), port};
      const std::string payload = encode_endpoint(endpoint);
      EXPECT_EQ(payload.size(), 18U);
      EXPECT_EQ(decode_endpoint(payload), endpoint) << address << " " << port;
    }
  }
}

TEST(MuxFrame, AnEndpointOfAnotherSizeIsNone) {
  const std::string payload = encode_endpoint({base::IpAddress::loopback6(), 80});
  EXPECT_FALSE(decode_endpoint(""));
  EXPECT_FALSE(decode_endpoint(payload.substr(1)));
  EXPECT_FALSE(decode_endpoint(payload + "x"));
}

class MuxFramePieces : public ::testing::TestWithParam<std::size_t> {};

TEST_P(MuxFramePieces, FramesComeOutWholeAndInOrder) {
  const std::vector<Seen> frames = {
      {FrameType::kPing, 0, 0, ""},
      {FrameType::kData, 0, 1, "x"},
      {FrameType::kData, 0, 2, pattern(kMostPayload)},
      {FrameType::kOpened, 0, 7, ""},
      {FrameType::kListeners, kLast, 0, pattern(4096 - kHeaderSize, 2)},
      {FrameType::kData, 0, UINT32_MAX, pattern(kMostPayload, 3)},
      {FrameType::kData, 0, 1, pattern(kMostPayload - 1, 4)},
      {FrameType::kOwner, kLast | kFailed, 0, std::string(11, '\0')},
      {FrameType::kPong, 0, 0, ""},
  };
  std::string bytes;
  for (const Seen& one : frames) bytes += frame(one.type, one.stream, one.payload, one.flags);
  Keeper keeper;
  FrameReader reader;
  EXPECT_TRUE(feed_in_pieces(reader, bytes, GetParam(), keeper));
  EXPECT_EQ(keeper.seen, frames);
}

TEST_P(MuxFramePieces, NothingComesOfAFrameThatIsNotWhole) {
  const std::string bytes = frame(FrameType::kData, 1, pattern(5000));
  Keeper keeper;
  FrameReader reader;
  EXPECT_TRUE(feed_in_pieces(reader, bytes.substr(0, bytes.size() - 1), GetParam(), keeper));
  EXPECT_TRUE(keeper.seen.empty());
  EXPECT_TRUE(reader.feed(bytes.substr(bytes.size() - 1), keeper));
  EXPECT_EQ(keeper.seen.size(), 1U);
}

TEST_P(MuxFramePieces, AMalformedFrameEndsItAfterTheGoodOnes) {
  const std::string good = frame(FrameType::kData, 1, "good");
  std::string unknown = frame(FrameType::kData, 1, "bad");
  unknown[0] = static_cast<char>(kHighestType + 1);
  std::string unused = frame(FrameType::kData, 1, "bad");
  unused[3] = 'u';
  const std::string too_long =
      header_bytes({FrameType::kData, 0, 1, static_cast<std::uint32_t>(kMostPayload + 1)});
  for (const std::string& bad : {unknown, unused, too_long}) {
    Keeper keeper;
    FrameReader reader;
    EXPECT_FALSE(feed_in_pieces(reader, good + bad, GetParam(), keeper));
    EXPECT_EQ(keeper.seen, (std::vector<Seen>{{FrameType::kData, 0, 1, "good"}}));
  }
}

TEST_P(MuxFramePieces, NothingIsReadAfterTheSinkHasRefused) {
  std::string bytes;
  for (const char* payload : {"a", "b", "c", "d"}) bytes += frame(FrameType::kData, 1, payload);
  Keeper keeper;
  keeper.refuse_from = 1;
  FrameReader reader;
  EXPECT_FALSE(feed_in_pieces(reader, bytes, GetParam(), keeper));
  EXPECT_EQ(keeper.seen.size(), 2U);
}

TEST_P(MuxFramePieces, NoiseBeforeTheHelloIsSkipped) {
  const std::string noises[] = {
      "",
      "\r\nbash: warning: setlocale: cannot change locale\n",
      std::string(kMark),
      hello().substr(0, kHeaderSize + 5),     // breaks off
      hello().substr(0, hello().size() - 1),  // almost
      hello().substr(0, 1) + hello().substr(0, 2) + hello().substr(0, 3),
      hello(std::string(kNonceSize, '0')),  // another one's
      frame(FrameType::kData, 1, "before its time"),
      pattern(3 * hello().size() + 1),
  };
  for (const std::string& noise : noises) {
    Keeper keeper;
    FrameReader reader(kNonce);
    EXPECT_TRUE(feed_in_pieces(reader, noise + hello() + frame(FrameType::kPing, 0, "") + hello(),
                               GetParam(), keeper));
    EXPECT_EQ(keeper.seen,
              (std::vector<Seen>{kHelloSeen, {FrameType::kPing, 0, 0, ""}, kHelloSeen}))
        << noise;
    EXPECT_EQ(reader.noise(), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, MuxFramePieces,
                         ::testing::Values(1, 2, 3, 7, kHeaderSize - 1, kHeaderSize,
                                           kHeaderSize + 1, 100, 4096, kMostPayload,
                                           kMostPayload + kHeaderSize, std::size_t{1} << 20));

TEST(MuxFrameReader, APairOfPiecesMayMeetAnywhere) {
  std::string bytes = "noise" + hello().substr(0, 20) + hello();
  for (const char* payload : {"", "one", "", "three"}) bytes += frame(FrameType::kData, 1, payload);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    Keeper keeper;
    FrameReader reader(kNonce);
    EXPECT_TRUE(reader.feed(bytes.substr(0, cut), keeper));
    EXPECT_TRUE(reader.feed(bytes.substr(cut), keeper));
    ASSERT_EQ(keeper.seen.size(), 5U) << cut;
    EXPECT_EQ(keeper.seen.front(), kHelloSeen);
    EXPECT_EQ(keeper.seen.back().payload, "three");
  }
}

TEST(MuxFrameReader, EmptyPiecesChangeNothing) {
  Keeper keeper;
  FrameReader reader(kNonce);
  for (const char byte : hello() + frame(FrameType::kData, 1, "x")) {
    EXPECT_TRUE(reader.feed("", keeper));
    EXPECT_TRUE(reader.feed({&byte, 1}, keeper));
  }
  EXPECT_EQ(keeper.seen.size(), 2U);
}

TEST(MuxFrameReader, ManyFramesInOnePiece) {
  constexpr std::size_t kMany = 20000;
  std::string bytes;
  for (std::size_t i = 0; i < kMany; ++i) {
    bytes += frame(FrameType::kData, static_cast<std::uint32_t>(i), pattern(i % 5));
  }
  Keeper keeper;
  FrameReader reader;
  EXPECT_TRUE(reader.feed(bytes, keeper));
  ASSERT_EQ(keeper.seen.size(), kMany);
  for (std::size_t i = 0; i < kMany; ++i) {
    ASSERT_EQ(keeper.seen[i].stream, i);
    ASSERT_EQ(keeper.seen[i].payload, pattern(i % 5));
  }
}

TEST(MuxFrameReader, WithoutANonceTheFirstByteIsAFrames) {
  Keeper keeper;
  FrameReader reader;
  EXPECT_FALSE(reader.feed("$ " + hello(), keeper));
  EXPECT_TRUE(keeper.seen.empty());
}

TEST(MuxFrameReader, AWrongNonceIsNeverAccepted) {
  for (std::size_t at = 0; at < kNonceSize; ++at) {
    std::string other = kNonce;
    other[at] = other[at] == '0' ? '1' : '0';
    Keeper keeper;
    FrameReader reader(kNonce);
    EXPECT_TRUE(reader.feed(hello(other) + frame(FrameType::kData, 1, "x"), keeper));
    EXPECT_TRUE(keeper.seen.empty()) << at;
  }
  for (const std::string& other : {kNonce.substr(1), kNonce.substr(0, kNonceSize - 1),
                                   std::string(), kNonce + "0", "0" + kNonce}) {
    Keeper keeper;
    FrameReader reader(kNonce);
    EXPECT_TRUE(reader.feed(hello(other), keeper));
    EXPECT_TRUE(keeper.seen.empty()) << other;
  }
}

TEST(MuxFrameReader, AHelloOnAStreamOrWithFlagsIsNoise) {
  Keeper keeper;
  FrameReader reader(kNonce);
  const std::string payload = std::string(kMark) + kNonce;
  EXPECT_TRUE(reader.feed(frame(FrameType::kHello, 1, payload), keeper));
  EXPECT_TRUE(reader.feed(frame(FrameType::kHello, 0, payload, kLast), keeper));
  EXPECT_TRUE(keeper.seen.empty());
}

TEST(MuxFrameReader, SoMuchNoiseAndNoMore) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{977}, std::size_t{1} << 20}) {
    for (const std::size_t over : {std::size_t{0}, std::size_t{1}}) {
      Keeper keeper;
      FrameReader reader(kNonce);
      const std::string noise = pattern(FrameReader::kMostNoise + over);
      EXPECT_EQ(feed_in_pieces(reader, noise + hello(), size, keeper), over == 0) << size;
      EXPECT_EQ(keeper.seen.size(), 1 - over) << size;
    }
  }
}

TEST(MuxFrameReader, NoiseWithoutAnEndIsRefusedAndItsBeginningShown) {
  Keeper keeper;
  FrameReader reader(kNonce);
  const std::string line = "sh: 1: exec: not found\n";
  std::size_t fed = 0;
  bool refused = false;
  while (!refused && fed <= 2 * FrameReader::kMostNoise) {
    refused = !reader.feed(line, keeper);
    fed += line.size();
  }
  EXPECT_TRUE(refused);
  EXPECT_GT(fed, FrameReader::kMostNoise);
  EXPECT_LE(fed, FrameReader::kMostNoise + hello().size() + line.size());
  EXPECT_EQ(reader.noise().substr(0, line.size()), line);
  EXPECT_LT(reader.noise().size(), std::size_t{16} << 10);
}

TEST(MuxFrameReader, WhatTheSinkRefusesMayBeTheHello) {
  Keeper keeper;
  keeper.refuse_from = 0;
  FrameReader reader(kNonce);
  EXPECT_FALSE(reader.feed("noise" + hello() + frame(FrameType::kPing, 0, ""), keeper));
  EXPECT_EQ(keeper.seen, std::vector<Seen>{kHelloSeen});
}

}  // namespace
}  // namespace fairlead::target::mux
