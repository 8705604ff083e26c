// Two sessions joined in memory: what their owners see.
#include "target/mux/session.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "tests/unit/target/mux_end.h"

namespace fairlead::target::mux {
namespace {

constexpr std::size_t kFirstWindow = Session::kFirstWindow;
constexpr std::size_t kLargest = std::size_t{4} << 20;

TEST(MuxSession, AStreamIsDialledWhereItWasToldTo) {
  Joined ends;
  const base::Endpoint six{base::IpAddress::loopback6(), 65535};
  const auto first = ends.here.session.open(kDialled);
  const auto second = ends.here.session.open(six);
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  ends.run();
  EXPECT_EQ(ends.there.dialled,
            (std::map<StreamId, base::Endpoint>{{*first, kDialled}, {*second, six}}));
  EXPECT_EQ(ends.here.streams[*first].opened, 1);
  EXPECT_EQ(ends.here.streams[*second].opened, 1);
  EXPECT_TRUE(ends.there.session.knows(*second));
}

class MuxSessionSeeds : public ::testing::TestWithParam<unsigned> {};

TEST_P(MuxSessionSeeds, BytesArriveAsTheyWereSentBothWays) {
  Joined ends(GetParam());
  ends.here.drain_time = GetParam() % 3;
  std::vector<StreamId> ids;
  for (unsigned i = 0; i < 7; ++i) {
    const StreamId id = ends.here.open();
    ends.here.send(id, pattern(std::size_t{1} << 3 * i, i));
    ends.there.streams[id].input = pattern(std::size_t{1} << (18 - 3 * i), 100 + i);
    ends.there.streams[id].input_ends = true;
    ends.here.finish(id);
    ids.push_back(id);
  }
  ends.run();
  for (const StreamId id : ids) {
    EXPECT_EQ(ends.there.streams[id].output, ends.here.streams[id].input);
    EXPECT_EQ(ends.here.streams[id].output, ends.there.streams[id].input);
    EXPECT_EQ(ends.here.streams[id].finished, 1);
    EXPECT_EQ(ends.there.streams[id].finished, 1);
    EXPECT_FALSE(ends.here.session.knows(id));
  }
  EXPECT_EQ(ends.here.session.streams() + ends.there.session.streams(), 0U);
}

TEST_P(MuxSessionSeeds, StreamsThatComeAndGoDisturbNoOther) {
  std::mt19937 random(GetParam());
  Joined ends(GetParam());
  std::vector<StreamId> live;
  std::set<StreamId> cut;
  for (int round = 0; round < 300; ++round) {
    const auto what = random() % 10;
    if (live.empty() || what < 3) {
      live.push_back(ends.here.open());
      ends.there.streams[live.back()].stuck = random() % 4 == 0;
      continue;
    }
    const std::size_t which = random() % live.size();
    const StreamId id = live[which];
    End& side = random() % 2 == 0 ? ends.here : ends.there;
    if (what < 7) side.send(id, pattern(random() % 50000, id));
    if (what == 7) ends.there.consume(id);
    if (what == 8) {
      ends.here.finish(id);
      ends.there.finish(id);
      ends.there.streams[id].stuck = false;
      ends.there.consume(id);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
    }
    if (what == 9) {
      (side.session.knows(id) ? side : ends.here).session.reset(id, EPIPE);
      cut.insert(id);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(which));
    }
    if (random() % 2 == 0) ends.turn();
  }
  for (const StreamId id : live) {
    ends.there.streams[id].stuck = false;
    ends.there.consume(id);
    ends.here.finish(id);
    ends.there.finish(id);
  }
  ends.run();
  for (auto& [id, stream] : ends.here.streams) {
    if (cut.contains(id)) continue;
    const End::Stream& other = ends.there.streams[id];
    EXPECT_TRUE(stream.input == other.output && stream.output == other.input) << id;
    EXPECT_EQ(stream.finished + other.finished, 2) << id;
  }
  EXPECT_EQ(ends.here.session.streams() + ends.there.session.streams(), 0U);
}

TEST_P(MuxSessionSeeds, TheSmallestBufferIsEnough) {
  Joined ends(GetParam());
  ends.largest_buffer = ends.least_buffer;
  for (unsigned i = 0; i < 20; ++i) {
    const StreamId id = ends.here.open();
    ends.here.send(id, pattern(150000, i));
    ends.here.finish(id);
    ends.there.streams[id].input = pattern(150000, 50 + i);
    ends.there.streams[id].input_ends = true;
  }
  ends.here.session.send(FrameType::kAskOwners, pattern(kMostPayload));
  ends.run();
  for (const auto& [id, stream] : ends.here.streams) {
    EXPECT_TRUE(stream.output == ends.there.streams[id].input) << id;
    EXPECT_TRUE(stream.input == ends.there.streams[id].output) << id;
  }
  EXPECT_EQ(ends.there.messages.size(), 1U);
  EXPECT_EQ(ends.there.session.streams(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, MuxSessionSeeds, ::testing::Range(1U, 5U));

TEST(MuxSession, OneDirectionMayEndLongBeforeTheOther) {
  Joined ends;
  for (const bool here_first : {true, false}) {
    End& first = here_first ? ends.here : ends.there;
    End& second = here_first ? ends.there : ends.here;
    const StreamId id = ends.open();
    first.send(id, "the question");
    first.finish(id);
    ends.run();
    EXPECT_EQ(second.streams[id].output, "the question");
    EXPECT_EQ(second.streams[id].finished, 1);
    for (int i = 0; i < 3; ++i) {
      second.send(id, pattern(300000));
      ends.run();
      EXPECT_TRUE(first.session.knows(id) && second.session.knows(id));
    }
    EXPECT_EQ(first.streams[id].finished, 0);
    second.finish(id);
    ends.run();
    EXPECT_TRUE(first.streams[id].output == second.streams[id].input);
    EXPECT_EQ(first.streams[id].finished, 1);
    EXPECT_FALSE(first.session.knows(id) || second.session.knows(id));
  }
}

TEST(MuxSession, AnEndIsToldOnceHoweverOftenItCouldBeRead) {
  Joined ends;
  const StreamId id = ends.open();
  ends.here.finish(id);
  ends.run();
  for (int i = 0; i < 3; ++i) {
    ends.here.session.readable(id);
    ends.run();
  }
  EXPECT_EQ(ends.there.streams[id].finished, 1);
}

TEST(MuxSession, ARefusalBearsItsReasonAndForgetsTheStream) {
  Joined ends;
  ends.there.dial = End::Dial::kFails;
  const StreamId id = ends.here.open();
  ends.here.send(id, "too early");
  ends.run();
  EXPECT_EQ(ends.here.streams[id].refused, ECONNREFUSED);
  EXPECT_EQ(ends.there.streams[id].output, "");
  EXPECT_EQ(ends.here.session.streams() + ends.there.session.streams(), 0U);

  ends.there.dial = End::Dial::kTakesTime;
  const StreamId late = ends.open();
  ends.there.session.refused(late, ETIMEDOUT);
  ends.run();
  EXPECT_EQ(ends.here.streams[late].refused, ETIMEDOUT);
  EXPECT_FALSE(ends.here.session.knows(late));
}

TEST(MuxSession, NothingIsReadBeforeTheDialHasSucceeded) {
  Joined ends;
  ends.there.dial = End::Dial::kTakesTime;
  const StreamId id = ends.here.open();
  ends.there.streams[id].input = "a greeting";
  ends.here.send(id, "a request");
  ends.run();
  EXPECT_EQ(ends.there.streams[id].output, "a request") << "it need not wait";
  EXPECT_EQ(ends.there.streams[id].taken, 0U);
  EXPECT_EQ(ends.here.streams[id].opened, 0);
  ends.there.succeed(id);
  ends.run();
  EXPECT_EQ(ends.here.streams[id].output, "a greeting");
  EXPECT_EQ(ends.here.streams[id].opened, 1);
}

TEST(MuxSession, AResetForgetsAtBothEndsAndWhatIsUnderWayIsIgnored) {
  for (const bool from_here : {true, false}) {
    Joined ends;
    const StreamId id = ends.open();
    const StreamId other = ends.open();
    End& resets = from_here ? ends.here : ends.there;
    End& told = from_here ? ends.there : ends.here;
    told.send(id, "lost");
    told.send(other, "not lost");
    told.finish(id);
    const std::string under_way = told.fill_all();
    resets.session.reset(id, EPIPE);
    EXPECT_FALSE(resets.session.knows(id));
    EXPECT_TRUE(resets.session.feed(under_way + frame(FrameType::kCredit, id, number(9, 4))));
    EXPECT_EQ(resets.streams[id].output, "");
    EXPECT_EQ(resets.streams[id].finished, 0);
    ends.run();
    EXPECT_EQ(told.streams[id].reset, EPIPE);
    EXPECT_FALSE(told.session.knows(id));
    EXPECT_EQ(resets.streams[other].output, "not lost");
    EXPECT_TRUE(told.session.knows(other));
    // Late calls of the owners mean nothing any more.
    for (End* end : {&ends.here, &ends.there}) {
      end->session.readable(id);
      end->session.consumed(id, 4, end->now);
      end->session.opened(id);
      end->session.refused(id, EPIPE);
      end->session.reset(id, EPIPE);
      EXPECT_EQ(end->fill(), "");
    }
  }
}

TEST(MuxSession, AStreamThatIsFoundBrokenIsReset) {
  Joined ends;
  const StreamId id = ends.open();
  ends.there.streams[id].broken = true;
  ends.there.session.readable(id);
  ends.run();
  EXPECT_EQ(ends.here.streams[id].reset, ECONNRESET);
  EXPECT_EQ(ends.here.streams[id].finished, 0);
  EXPECT_EQ(ends.here.session.streams() + ends.there.session.streams(), 0U);
}

TEST(MuxSession, AReceiverThatDoesNotConsumeHoldsOneWindow) {
  Joined ends;
  const StreamId id = ends.open();
  for (End* receiver : {&ends.here, &ends.there}) {
    End& sender = receiver == &ends.here ? ends.there : ends.here;
    receiver->streams[id].stuck = true;
    sender.send(id, pattern(10 * kFirstWindow));
    ends.run();
    EXPECT_EQ(receiver->streams[id].held, kFirstWindow);
    receiver->consume(id);
    ends.run();
    EXPECT_EQ(receiver->streams[id].held, kFirstWindow);
  }
  ends.here.streams[id].stuck = ends.there.streams[id].stuck = false;
  ends.here.consume(id);
  ends.there.consume(id);
  ends.run();
  EXPECT_TRUE(ends.here.streams[id].output == ends.there.streams[id].input);
  EXPECT_TRUE(ends.there.streams[id].output == ends.here.streams[id].input);
}

// How much comes of a stream after 12 MiB of it, while nothing is consumed.
std::size_t window_after_draining(std::uint64_t drain_time, const Session::Limits& limits = {}) {
  Joined ends(1, limits);
  ends.there.drain_time = drain_time;
  const StreamId id = ends.flood(ends.here);
  while (ends.there.streams[id].came < 3 * kLargest) ends.turn();
  ends.there.streams[id].stuck = true;
  ends.run();
  return ends.there.streams[id].held;
}

TEST(MuxSession, AWindowGrowsAsFarAsItMayWhileItIsDrainedQuickly) {
  // Less than half of it may be consumed, and not yet granted anew.
  const std::size_t quick = window_after_draining(0);
  EXPECT_LE(quick, kLargest);
  EXPECT_GT(quick, kLargest / 2);
  const std::size_t slow = window_after_draining(100);
  EXPECT_LE(slow, kFirstWindow);
  EXPECT_GT(slow, kFirstWindow / 2);
  Session::Limits limits;
  limits.largest_window = 2 * kFirstWindow;
  EXPECT_LE(window_after_draining(0, limits), 2 * kFirstWindow);
}

TEST(MuxSession, AllWindowsTogetherStayWithinTheirLimit) {
  constexpr std::size_t kStreams = 8;
  Session::Limits limits;
  limits.streams = kStreams;
  limits.all_windows = kStreams * kFirstWindow + (std::size_t{1} << 20);
  Joined ends(1, limits);
  std::vector<StreamId> ids;
  for (std::size_t i = 0; i < kStreams; ++i) ids.push_back(ends.flood(ends.here));
  // What comes of those that are left while nobody consumes, after they have flowed for a while.
  const auto held = [&] {
    for (const StreamId id : ids) {
      ends.there.streams[id].stuck = false;
      ends.there.consume(id);
    }
    ends.run(60);
    for (const StreamId id : ids) ends.there.streams[id].stuck = true;
    ends.run();
    std::size_t sum = 0;
    for (const StreamId id : ids) sum += ends.there.streams[id].held;
    return sum;
  };
  for (int i = 0; i < 3; ++i) {
    const std::size_t all = held();
    EXPECT_LE(all, limits.all_windows);
    EXPECT_GT(all, kStreams * kFirstWindow) << "they have grown";
  }
  // What the others had is free again.
  for (std::size_t i = 1; i < kStreams; ++i) ends.here.session.reset(ids[i], EPIPE);
  ids.resize(1);
  const std::size_t alone = held();
  EXPECT_LE(alone, limits.all_windows);
  EXPECT_GT(alone, std::size_t{512} << 10);
}

TEST(MuxSession, StreamsToComeHaveAClaimToTheirFirstWindows) {
  Session::Limits limits;
  limits.streams = 8;
  limits.all_windows = 8 * kFirstWindow;
  Joined ends(1, limits);
  std::vector<StreamId> ids{ends.flood(ends.here)};
  ends.run(200);
  for (int i = 0; i < 7; ++i) ids.push_back(ends.flood(ends.here));
  for (const StreamId id : ids) ends.there.streams[id].stuck = true;
  ends.run();
  std::size_t held = 0;
  for (const StreamId id : ids) held += ends.there.streams[id].held;
  EXPECT_LE(held, limits.all_windows);
}

TEST(MuxSession, WhatIsHeldAfterBothEndsStillCounts) {
  Session::Limits limits;
  limits.streams = 4;
  limits.all_windows = 4 * kFirstWindow;
  Joined ends(1, limits);
  std::size_t held = 0;
  for (int i = 0; i < 4; ++i) {
    const StreamId id = ends.here.open();
    ends.here.streams[id].stuck = true;
    ends.there.streams[id].input = pattern(kFirstWindow - 1);
    ends.there.streams[id].input_ends = true;
    ends.here.finish(id);
    ends.run();
    held += ends.here.streams[id].held;
  }
  EXPECT_EQ(held, 4 * (kFirstWindow - 1));
  EXPECT_FALSE(ends.here.session.open({base::IpAddress::loopback4(), 1}));
  ends.here.consume(1);
  EXPECT_TRUE(ends.here.session.open({base::IpAddress::loopback4(), 1}));
}

TEST(MuxSession, NoWindowGrowsBeyondTheLargest) {
  Session::Limits limits;
  limits.largest_window = 100000;
  Joined ends(1, limits);
  const StreamId id = ends.flood(ends.here);
  ends.run(200);
  ends.there.streams[id].stuck = true;
  ends.run();
  EXPECT_LE(ends.there.streams[id].held, 100000U);
}

TEST(MuxSession, AStreamThatIsStuckHoldsUpNoOther) {
  Joined ends;
  const StreamId stuck = ends.open();
  const StreamId flows = ends.open();
  ends.there.streams[stuck].stuck = true;
  ends.here.send(stuck, std::string(kLargest, 's'));
  ends.here.send(flows, pattern(kLargest));
  ends.here.finish(flows);
  ends.there.send(stuck, "the other way");
  ends.run();
  EXPECT_EQ(ends.there.streams[stuck].held, kFirstWindow);
  EXPECT_TRUE(ends.there.streams[flows].output == ends.here.streams[flows].input);
  EXPECT_EQ(ends.there.streams[flows].finished, 1);
  EXPECT_EQ(ends.here.streams[stuck].output, "the other way");
}

TEST(MuxSession, StreamsHaveTheirTurnsOneAfterTheOther) {
  constexpr std::size_t kStreams = 64;
  Joined ends;
  std::vector<StreamId> ids;
  for (std::size_t i = 0; i < kStreams; ++i) ids.push_back(ends.flood(ends.here));
  for (int i = 0; i < 200; ++i) {
    ends.turn();
    std::size_t least = SIZE_MAX;
    std::size_t most = 0;
    for (const StreamId id : ids) {
      least = std::min(least, ends.there.streams[id].came);
      most = std::max(most, ends.there.streams[id].came);
    }
    ASSERT_LE(most - least, kMostPayload) << i;
  }
}

TEST(MuxSession, OneStreamAloneFillsWholeFrames) {
  Joined ends;
  const StreamId id = ends.open();
  ends.here.send(id, std::string(2 * kMostPayload, 'x'));
  const auto alone = frames_in(ends.here.fill());
  ASSERT_FALSE(alone.empty());
  EXPECT_EQ(alone[0].header.length, kMostPayload);
}

TEST(MuxSession, ControlGoesBeforeData) {
  Joined ends;
  const StreamId id = ends.open();
  const StreamId doomed = ends.open();
  ends.there.streams[id].stuck = true;
  ends.there.send(id, pattern(kFirstWindow));
  ends.here.send(id, pattern(kFirstWindow));
  while (ends.there.streams[id].held < kFirstWindow) ASSERT_TRUE(ends.turn());
  ends.there.send(id, pattern(2 * kFirstWindow));
  ends.there.send(doomed, "never sent");
  ends.there.consume(id);
  ends.there.session.send(FrameType::kListeners, "picture", kLast);
  ends.there.session.reset(doomed, EPIPE);
  ASSERT_TRUE(ends.there.session.feed(frame(FrameType::kPing, 0, "")));
  std::vector<FrameType> types;
  for (const SeenFrame& one : frames_in(ends.there.fill())) types.push_back(one.header.type);
  ASSERT_GE(types.size(), 5U);
  std::sort(types.begin(), types.begin() + 4);
  EXPECT_EQ(std::vector<FrameType>(types.begin(), types.begin() + 4),
            (std::vector<FrameType>{FrameType::kCredit, FrameType::kReset, FrameType::kPong,
                                    FrameType::kListeners}));
  EXPECT_EQ(types[4], FrameType::kData);
}

TEST(MuxSession, ManyPingsAreOnePong) {
  Joined ends;
  std::string pings;
  for (int i = 0; i < 1000; ++i) pings += frame(FrameType::kPing, 0, "");
  const std::string pong = frame(FrameType::kPong, 0, "");
  for (End* end : {&ends.here, &ends.there}) {
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(end->session.feed(pings));
    EXPECT_EQ(end->fill(), pong);
    EXPECT_EQ(end->fill(), "");
    EXPECT_TRUE(end->session.feed(pings));
    EXPECT_EQ(end->fill(), pong);
    EXPECT_TRUE(end->messages.empty());
    EXPECT_STREQ(end->session.trouble(), "");
  }
}

TEST(MuxSession, MessagesOfTheConnectionGoToItsOwner) {
  const std::string nonce(kNonceSize, 'a');
  End end(Session::Side::kOpens, nonce);
  const std::string hello = frame(FrameType::kHello, 0, std::string(kMark) + nonce);
  EXPECT_TRUE(end.session.feed("noise\r\n"));
  EXPECT_EQ(end.session.noise(), "noise\r\n");
  EXPECT_TRUE(end.messages.empty());
  EXPECT_TRUE(end.session.feed(hello + frame(FrameType::kListeners, 0, "12345", kLast | kFailed)));
  ASSERT_EQ(end.messages.size(), 2U);
  EXPECT_EQ(end.messages[0].type, FrameType::kHello);
  EXPECT_EQ(end.messages[1].type, FrameType::kListeners);
  EXPECT_EQ(end.messages[1].flags, kLast | kFailed);
  EXPECT_EQ(end.messages[1].length, 5U);
}

TEST(MuxSession, ThereAreAsManyStreamsAsThereMayBe) {
  Session::Limits limits;
  limits.streams = 3;
  Joined ends(1, limits);
  for (int i = 0; i < 3; ++i) ends.open();
  EXPECT_FALSE(ends.here.session.open(kDialled));
  EXPECT_EQ(ends.here.session.streams(), 3U);
  ends.run();
  ends.here.session.reset(2, EPIPE);
  const StreamId another = ends.open();
  EXPECT_GT(another, 3U) << "no number is used twice";
  EXPECT_EQ(ends.here.streams[another].opened, 1);
  EXPECT_FALSE(ends.here.session.open(kDialled));
  EXPECT_EQ(ends.there.session.streams(), 3U);
}

}  // namespace
}  // namespace fairlead::target::mux
