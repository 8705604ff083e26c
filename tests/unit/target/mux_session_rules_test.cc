// What a session makes of a peer that breaks the rules, or of a connection that breaks off.
#include <gtest/gtest.h>

#include <cerrno>

#include "target/mux/session.h"
#include "tests/unit/target/mux_end.h"

namespace fairlead::target::mux {
namespace {

using Side = Session::Side;

constexpr std::uint32_t kFirst = Session::kFirstWindow;

std::string data(StreamId stream, std::size_t size) {
  std::string bytes;
  for (; size > kMostPayload; size -= kMostPayload) bytes += data(stream, kMostPayload);
  return bytes + frame(FrameType::kData, stream, pattern(size));
}
std::string finish(StreamId stream, std::uint64_t total) {
  return frame(FrameType::kFinish, stream, number(total, 8));
}
std::string open_frame(StreamId stream) {
  return frame(FrameType::kOpen, stream, encode_endpoint(kDialled));
}

constexpr const char* kNotOpened = "a stream that was never opened";
constexpr const char* kBadOpening = "an opening that makes no sense";
constexpr const char* kNoQuestion = "an answer to no question";
constexpr const char* kSecondEnd = "a second end";
constexpr const char* kWrongEnd = "an end of the wrong size";
constexpr const char* kMissing = "a stream with bytes missing";
constexpr const char* kTooMuch = "more bytes than were granted";
constexpr const char* kAfterEnd = "bytes after the end";
constexpr const char* kNotItsPlace = "a message of the connection on a stream";
constexpr const char* kNoFrames = "what it sends are no frames";
constexpr const char* kNoSense = "a message that makes no sense";

// Streams 1 and 2 are open, 2 is stuck; then `good` is fed, which is fine, and `bad`, which is not.
struct Violation {
  const char* name;
  Side side;
  std::string good;
  std::string bad;
  const char* trouble;
};

const Violation kViolations[] = {
    {"NeverOpened", Side::kAccepts, "", data(3, 1), kNotOpened},
    {"NeverOpenedHere", Side::kOpens, "", data(3, 1), kNotOpened},
    {"OpenedNeverOpened", Side::kOpens, "", frame(FrameType::kOpened, 3, ""), kNotOpened},
    {"ResetNeverOpened", Side::kAccepts, "", frame(FrameType::kReset, 9, number(1, 4)), kNotOpened},
    {"CreditNeverOpened", Side::kOpens, "", frame(FrameType::kCredit, UINT32_MAX, number(1, 4)),
     kNotOpened},
    {"OpenedTwice", Side::kAccepts, "", open_frame(2), "a stream opened twice"},
    {"OpenedAgain", Side::kAccepts, frame(FrameType::kReset, 1, number(1, 4)), open_frame(1),
     "a stream opened twice"},
    {"OpenedBackwards", Side::kAccepts, open_frame(9), open_frame(8), "a stream opened twice"},
    {"OpenedTheConnection", Side::kAccepts, "", open_frame(0), "a stream opened twice"},
    {"OpenedByTheWrongSide", Side::kOpens, "", open_frame(3), kBadOpening},
    {"OpenedNowhere", Side::kAccepts, "", frame(FrameType::kOpen, 3, "127.0.0.1:80"), kBadOpening},
    {"OpenedByTheWrongSideOnZero", Side::kOpens, "", open_frame(0), kBadOpening},
    {"TooMany", Side::kAccepts, open_frame(3) + open_frame(4), open_frame(5), "too many streams"},
    {"AnswerFromTheWrongSide", Side::kAccepts, "", frame(FrameType::kOpened, 1, ""), kNoQuestion},
    {"RefusalFromTheWrongSide", Side::kAccepts, "", frame(FrameType::kRefused, 1, number(111, 4)),
     kNoQuestion},
    {"AnswerWithMore", Side::kOpens, "", frame(FrameType::kOpened, 1, "x"), kNoQuestion},
    {"RefusalWithoutReason", Side::kOpens, "", frame(FrameType::kRefused, 1, ""), kNoQuestion},
    {"ResetWithoutReason", Side::kOpens, "", frame(FrameType::kReset, 1, "abc"),
     "a reset of the wrong size"},
    {"CreditOfNothing", Side::kOpens, "", frame(FrameType::kCredit, 1, number(1, 8)),
     "a credit of the wrong size"},
    {"BeyondCreditAtOnce", Side::kAccepts, data(1, kFirst / 2) + data(2, kFirst - 1), data(2, 2),
     kTooMuch},
    {"BeyondCreditByOne", Side::kOpens, data(2, kFirst), data(2, 1), kTooMuch},
    {"DataAfterTheEnd", Side::kAccepts, data(1, 5) + finish(1, 5), data(1, 1), kAfterEnd},
    {"NoDataAfterTheEnd", Side::kOpens, data(1, 5) + finish(1, 5), data(1, 0), kAfterEnd},
    {"EndTwice", Side::kOpens, data(1, 5) + finish(1, 5), finish(1, 5), kSecondEnd},
    {"EndWithoutTotal", Side::kOpens, "", frame(FrameType::kFinish, 1, ""), kWrongEnd},
    {"BytesMissing", Side::kAccepts, data(1, 5), finish(1, 6), kMissing},
    {"BytesTooMany", Side::kOpens, data(1, 5), finish(1, 4), kMissing},
    {"AllBytesMissing", Side::kOpens, "", finish(1, std::uint64_t{1} << 40), kMissing},
    {"TotalModulo", Side::kOpens, data(1, 5), finish(1, (std::uint64_t{1} << 32) + 5), kMissing},
    {"HelloOnAStream", Side::kOpens, "", frame(FrameType::kHello, 1, ""), kNotItsPlace},
    {"PingOnAStream", Side::kAccepts, "", frame(FrameType::kPing, 2, ""), kNotItsPlace},
    {"ListenersOnAStream", Side::kOpens, "", frame(FrameType::kListeners, 2, ""), kNotItsPlace},
    {"RefusedByTheOwner", Side::kAccepts, frame(FrameType::kAskOwners, 0, number(7, 8)),
     frame(FrameType::kAskOwners, 0, "odd"), kNoSense},
    {"UnknownType", Side::kOpens, "", std::string(kHeaderSize, '\x7f'), kNoFrames},
    {"Text", Side::kAccepts, data(1, 9), "Error response from daemon\n", kNoFrames},
};

class MuxViolation : public ::testing::TestWithParam<Violation> {};

Session::Limits few_streams() {
  Session::Limits limits;
  limits.streams = 4;
  return limits;
}

// Streams 1 and 2 are open; whoever accepts them answers.
void open_two(End& end, Side side) {
  if (side == Side::kOpens) {
    end.open();
    end.open();
    EXPECT_TRUE(end.feed(frame(FrameType::kOpened, 1, "") + frame(FrameType::kOpened, 2, "")));
  } else {
    EXPECT_TRUE(end.feed(open_frame(1) + open_frame(2)));
  }
  end.streams[2].stuck = true;
}

TEST_P(MuxViolation, IsNamed) {
  const Violation& violation = GetParam();
  for (const bool in_pieces : {false, true}) {
    End end(violation.side, {}, few_streams());
    open_two(end, violation.side);
    EXPECT_TRUE(end.feed(violation.good)) << end.session.trouble();
    EXPECT_STREQ(end.session.trouble(), "");
    const std::size_t held = end.streams[1].came + end.streams[2].came;
    bool fine = true;
    for (std::string_view rest = violation.bad; fine && !rest.empty();) {
      const auto piece = rest.substr(0, in_pieces ? 1 : rest.size());
      rest.remove_prefix(piece.size());
      fine = end.feed(piece);
    }
    EXPECT_FALSE(fine);
    EXPECT_STREQ(end.session.trouble(), violation.trouble);
    EXPECT_EQ(end.streams[1].came + end.streams[2].came, held) << "nothing came of it";
    EXPECT_LE(end.session.streams(), 4U);
  }
}

INSTANTIATE_TEST_SUITE_P(All, MuxViolation, ::testing::ValuesIn(kViolations),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(MuxSessionRules, ErrorsThatAreNoneBecomeOnes) {
  for (const std::uint32_t value : {0U, 4096U, UINT32_MAX}) {
    End end(Side::kOpens);
    end.open();
    end.open();
    EXPECT_TRUE(end.feed(frame(FrameType::kRefused, 1, number(value, 4)) +
                         frame(FrameType::kReset, 2, number(value, 4))));
    EXPECT_EQ(end.streams[1].refused, ECONNREFUSED);
    EXPECT_EQ(end.streams[2].reset, ECONNRESET);
  }
}

TEST(MuxSessionRules, AQuestionHasOneAnswer) {
  for (const std::string& second :
       {frame(FrameType::kOpened, 1, ""), frame(FrameType::kRefused, 1, number(111, 4))}) {
    End end(Side::kOpens);
    end.open();
    EXPECT_TRUE(end.feed(frame(FrameType::kOpened, 1, "")));
    EXPECT_FALSE(end.feed(second));
    EXPECT_STREQ(end.session.trouble(), "an answer to no question");
  }
}

TEST(MuxSessionRules, CreditBeyondAnyMeasureIsHarmless) {
  End end(Side::kAccepts);
  open_two(end, Side::kAccepts);
  for (int i = 0; i < 10000; ++i) {
    ASSERT_TRUE(end.feed(frame(FrameType::kCredit, 1, number(UINT32_MAX, 4))));
  }
  end.send(1, pattern(3 * kFirst));
  std::string sent;
  for (const SeenFrame& one : frames_in(end.fill_all())) {
    if (one.header.type == FrameType::kData) sent += one.payload;
  }
  EXPECT_TRUE(sent == end.streams[1].input);
}

TEST(MuxSessionRules, NoMoreIsSentThanWasGranted) {
  End end(Side::kAccepts);
  open_two(end, Side::kAccepts);
  end.send(1, pattern(3 * kFirst));
  const auto bytes_of = [](const std::string& bytes) {
    std::size_t size = 0;
    for (const SeenFrame& one : frames_in(bytes)) {
      if (one.header.type == FrameType::kData) size += one.header.length;
    }
    return size;
  };
  EXPECT_EQ(bytes_of(end.fill_all()), kFirst);
  EXPECT_TRUE(end.feed(frame(FrameType::kCredit, 1, number(0, 4))));
  EXPECT_EQ(bytes_of(end.fill_all()), 0U);
  EXPECT_TRUE(end.feed(frame(FrameType::kCredit, 1, number(1, 4))));
  EXPECT_EQ(bytes_of(end.fill_all()), 1U);
}

TEST(MuxSessionRules, EmptyDataIsNone) {
  End end(Side::kAccepts);
  open_two(end, Side::kAccepts);
  EXPECT_TRUE(end.feed(data(1, 0) + data(1, 0) + finish(1, 0)));
  EXPECT_EQ(end.streams[1].finished, 1);
}

// The peer asks for much and reads nothing: nothing is filled meanwhile, and somewhere it ends.
TEST(MuxSessionRules, APeerThatDoesNotReadItsAnswersIsLeft) {
  End end(Side::kAccepts);
  std::size_t asked = 0;
  while (asked < 1000 && end.feed(frame(FrameType::kAskOwners, 0, number(7, 8)))) {
    end.session.send(FrameType::kOwner, pattern(kMostPayload));
    ++asked;
  }
  EXPECT_LT(asked, 1000U);
  EXPECT_STREQ(end.session.trouble(), "it does not read what it asks for");
}

TEST(MuxSessionRules, APeerThatReadsItsAnswersMayAskForEver) {
  End end(Side::kAccepts);
  end.dial = End::Dial::kFails;
  for (StreamId id = 1; id <= 1000; ++id) {
    ASSERT_TRUE(end.feed(frame(FrameType::kAskOwners, 0, number(7, 8)) + open_frame(id)));
    end.session.send(FrameType::kOwner, pattern(kMostPayload));
    EXPECT_EQ(frames_in(end.fill()).size(), 2U);
  }
}

// Owners may say at any time that a stream can be read again, while it is being read, too.
class Eager : public End {
 public:
  using End::End;
  Bytes read(StreamId id, char* to, std::size_t most) override {
    if (streams[id].input_ends) session.readable(id);
    return End::read(id, to, most);
  }
};

TEST(MuxSessionRules, AnEndIsToldOnceEvenIfReadingSaysReadable) {
  Eager end(Side::kAccepts);
  open_two(end, Side::kAccepts);
  end.streams[1].input = "bytes";
  end.finish(1);
  std::size_t ends = 0;
  for (int i = 0; i < 5; ++i) {
    for (const SeenFrame& one : frames_in(end.fill())) {
      if (one.header.type == FrameType::kFinish) ++ends;
    }
  }
  EXPECT_EQ(ends, 1U);
}

// A socket that has failed still gives what it had.
class Failing : public End {
 public:
  using End::End;
  bool fails = false;
  Bytes read(StreamId id, char* to, std::size_t most) override {
    const Bytes bytes = End::read(id, to, most);
    return bytes.size > 0 || !fails ? bytes : Bytes{0, Nothing::kReset};
  }
};

std::vector<FrameType> types_in(const std::string& bytes) {
  std::vector<FrameType> types;
  for (const SeenFrame& one : frames_in(bytes)) types.push_back(one.header.type);
  return types;
}

TEST(MuxSessionRules, AnAnswerComesBeforeTheResetBehindIt) {
  Failing end(Side::kAccepts);
  open_two(end, Side::kAccepts);
  end.fill_all();
  end.streams[1].input = "answer";
  end.fails = true;
  end.session.doom(1);
  EXPECT_EQ(types_in(end.fill_all()), (std::vector{FrameType::kData, FrameType::kReset}));
  EXPECT_FALSE(end.session.knows(1));
}

// A socket whose error has been fetched already looks as if it had come to an orderly end.
TEST(MuxSessionRules, TheEndOfWhatHasFailedIsAReset) {
  for (const bool ends : {true, false}) {
    End end(Side::kAccepts);
    open_two(end, Side::kAccepts);
    end.fill_all();
    end.streams[1].input = "answer";
    end.streams[1].input_ends = ends;
    end.session.doom(1);
    EXPECT_EQ(types_in(end.fill_all()), (std::vector{FrameType::kData, FrameType::kReset}));
    EXPECT_EQ(end.streams[1].reset, ECONNRESET);
  }
}

TEST(MuxSessionRules, AResetDoesNotWaitForLeaveToSend) {
  Failing end(Side::kAccepts);
  open_two(end, Side::kAccepts);
  end.send(1, pattern(3 * kFirst));
  end.fill_all();
  end.session.doom(1);
  EXPECT_EQ(types_in(end.fill_all()), (std::vector{FrameType::kReset}));
  EXPECT_EQ(end.streams[1].reset, ECONNRESET);
  end.send(2, pattern(3 * kFirst));
  end.session.doom(2);
  EXPECT_EQ(types_in(end.fill_all()).back(), FrameType::kReset);
  EXPECT_EQ(end.streams[2].reset, ECONNRESET);
}

// What the opening end sends of three streams, from the first byte to the last.
struct Transfer {
  std::string bytes;
  std::map<StreamId, std::string> inputs;
};

Transfer record() {
  Joined ends;
  ends.records = true;
  ends.there.streams[2].input = pattern(3000, 9);
  ends.there.streams[2].input_ends = true;
  for (const std::size_t size : {std::size_t{0}, std::size_t{40000}, std::size_t{2} * kFirst}) {
    const StreamId id = ends.here.open();
    ends.here.send(id, pattern(size, id));
    ends.here.finish(id);
  }
  ends.run();
  Transfer transfer{ends.from_here, {}};
  for (const auto& [id, stream] : ends.here.streams) {
    EXPECT_EQ(ends.there.streams[id].finished, 1);
    transfer.inputs[id] = stream.input;
  }
  return transfer;
}

TEST(MuxSessionRules, WhatBreaksOffIsNeverTakenForComplete) {
  const Transfer transfer = record();
  std::vector<std::size_t> cuts{transfer.bytes.size()};
  for (std::size_t at = 0; at < transfer.bytes.size(); at += 1999) cuts.push_back(at);
  std::size_t boundary = 0;
  for (const SeenFrame& one : frames_in(transfer.bytes)) {
    boundary += kHeaderSize + one.payload.size();
    for (const std::size_t back : {0U, 1U, 8U, 9U}) cuts.push_back(boundary - back);
  }
  int complete = 0;
  for (const std::size_t cut : cuts) {
    End there(Side::kAccepts);
    ASSERT_TRUE(there.session.feed(std::string_view(transfer.bytes).substr(0, cut)));
    for (const auto& [id, stream] : there.streams) {
      const std::string& input = transfer.inputs.at(id);
      EXPECT_TRUE(input.compare(0, stream.output.size(), stream.output) == 0);
      if (stream.finished == 0) continue;
      ++complete;
      ASSERT_TRUE(stream.output == input) << cut << " " << id;
    }
  }
  EXPECT_GT(complete, 3);
}

TEST(MuxSessionRules, AFrameThatIsMissingInTheMiddleIsNoticed) {
  const Transfer transfer = record();
  const auto frames = frames_in(transfer.bytes);
  int dropped = 0;
  for (std::size_t without = 0; without < frames.size(); ++without) {
    if (frames[without].header.type != FrameType::kData) continue;
    std::string bytes;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const auto& [header, payload] = frames[i];
      if (i != without) bytes += frame(header.type, header.stream, payload, header.flags);
    }
    End there(Side::kAccepts);
    EXPECT_FALSE(there.session.feed(bytes));
    EXPECT_STREQ(there.session.trouble(), kMissing);
    EXPECT_EQ(there.streams[frames[without].header.stream].finished, 0);
    ++dropped;
  }
  EXPECT_GT(dropped, 3);
}

}  // namespace
}  // namespace fairlead::target::mux
