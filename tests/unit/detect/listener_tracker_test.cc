#include "detect/listener_tracker.h"

#include <gtest/gtest.h>

namespace fairlead::detect {
namespace {

using namespace std::chrono_literals;

Listener on(std::uint16_t port, std::uint64_t inode = 1) {
  return {{base::IpAddress::loopback4(), port}, false, 1000, inode};
}

using Ports = std::vector<std::uint16_t>;
constexpr auto kGrace = 500ms;

base::SteadyTime at(std::chrono::milliseconds time) { return base::SteadyTime(time); }
Snapshot picture(std::vector<Listener> listeners) { return {std::move(listeners), 0}; }

Ports ports(const ListenerTracker& tracker) {
  Ports result;
  for (const Listener& listener : tracker.settled()) result.push_back(listener.endpoint.port);
  return result;
}

TEST(ListenerTracker, KnowsNobodyBeforeTheFirstPicture) {
  ListenerTracker tracker(kGrace);
  EXPECT_TRUE(tracker.settled().empty());
  EXPECT_FALSE(tracker.next_expiry());
  EXPECT_FALSE(tracker.expire(at(1h)));
  EXPECT_FALSE(tracker.observe({}, at(1h)));
}

TEST(ListenerTracker, CountsAListenerFromTheFirstPictureThatShowsIt) {
  ListenerTracker tracker(kGrace);
  EXPECT_TRUE(tracker.observe(picture({on(3000)}), at(0ms)));
  EXPECT_EQ(ports(tracker), Ports{3000});
  EXPECT_FALSE(tracker.next_expiry());
}

TEST(ListenerTracker, ReportsNoChangeWhereThereIsNone) {
  ListenerTracker tracker(kGrace);
  tracker.observe(picture({on(3000), on(4000)}), at(0ms));
  EXPECT_FALSE(tracker.observe(picture({on(3000), on(4000)}), at(40ms)));
  EXPECT_FALSE(tracker.observe(picture({on(3000), on(4000)}), at(1h)));
}

TEST(ListenerTracker, KeepsWhoDisappearedForTheGraceAndNoLonger) {
  ListenerTracker tracker(kGrace);
  tracker.observe(picture({on(3000), on(4000)}), at(0ms));
  EXPECT_FALSE(tracker.observe(picture({on(4000)}), at(100ms)));
  EXPECT_EQ(ports(tracker), (Ports{3000, 4000}));
  EXPECT_EQ(tracker.next_expiry(), at(600ms));
  EXPECT_FALSE(tracker.expire(at(599ms)));
  EXPECT_EQ(ports(tracker), (Ports{3000, 4000}));
  EXPECT_TRUE(tracker.expire(at(600ms)));
  EXPECT_EQ(ports(tracker), Ports{4000});
  EXPECT_FALSE(tracker.next_expiry());
}

TEST(ListenerTracker, ThePictureThatComesAfterTheGraceWithdrawsToo) {
  ListenerTracker tracker(kGrace);
  tracker.observe(picture({on(3000)}), at(0ms));
  tracker.observe({}, at(100ms));
  EXPECT_TRUE(tracker.observe({}, at(600ms)));
  EXPECT_TRUE(tracker.settled().empty());
}

TEST(ListenerTracker, LaterPicturesWithoutAListenerDoNotProlongItsGrace) {
  ListenerTracker tracker(kGrace);
  tracker.observe(picture({on(3000)}), at(0ms));
  for (auto time = 100ms; time < 600ms; time += 40ms) tracker.observe({}, at(time));
  EXPECT_EQ(tracker.next_expiry(), at(600ms));
}

TEST(ListenerTracker, AServerThatRestartsWithinTheGraceIsNeverWithdrawn) {
  ListenerTracker tracker(kGrace);
  tracker.observe(picture({on(3000)}), at(0ms));
  tracker.observe({}, at(100ms));
  EXPECT_FALSE(tracker.observe(picture({on(3000)}), at(400ms)));
  EXPECT_FALSE(tracker.next_expiry());
  EXPECT_FALSE(tracker.expire(at(10s)));
  EXPECT_EQ(ports(tracker), Ports{3000});
}

TEST(ListenerTracker, AnotherSocketOnTheSameEndpointIsAChangeOfThePicture) {
  ListenerTracker tracker(kGrace);
  tracker.observe(picture({on(3000, 1)}), at(0ms));
  EXPECT_TRUE(tracker.observe(picture({on(3000, 2)}), at(40ms)));
  ASSERT_EQ(tracker.settled().size(), 1U);
  EXPECT_EQ(tracker.settled()[0].inode, 2U);
}

TEST(ListenerTracker, KeepsTheLastPictureWhenAScanFails) {
  ListenerTracker tracker(kGrace);
  tracker.observe(picture({on(3000), on(4000)}), at(0ms));
  // Scans fail for an hour: time passes, no picture comes.
  for (auto time = 0ms; time < 3600000ms; time += 2000ms) {
    ASSERT_FALSE(tracker.expire(at(time)));
  }
  EXPECT_EQ(ports(tracker), (Ports{3000, 4000}));
}

TEST(ListenerTracker, TheEmptyPictureIsAPicture) {
  ListenerTracker tracker(kGrace);
  tracker.observe(picture({on(3000)}), at(0ms));
  tracker.observe({}, at(40ms));
  EXPECT_TRUE(tracker.expire(at(540ms)));
  EXPECT_TRUE(tracker.settled().empty());
}

TEST(ListenerTracker, ForgetsEverybodyAtOnceWhenTheContainerEnds) {
  ListenerTracker tracker(kGrace);
  tracker.observe(picture({on(3000), on(4000)}), at(0ms));
  tracker.observe(picture({on(4000)}), at(40ms));
  tracker.clear();
  EXPECT_TRUE(tracker.settled().empty());
  EXPECT_FALSE(tracker.next_expiry());
}

TEST(ListenerTracker, NamesTheEarliestOfSeveralExpiries) {
  ListenerTracker tracker(kGrace);
  tracker.observe(picture({on(1), on(2), on(3)}), at(0ms));
  tracker.observe(picture({on(2), on(3)}), at(100ms));
  tracker.observe(picture({on(3)}), at(200ms));
  EXPECT_EQ(tracker.next_expiry(), at(600ms));
  EXPECT_TRUE(tracker.expire(at(650ms)));
  EXPECT_EQ(tracker.next_expiry(), at(700ms));
  EXPECT_EQ(ports(tracker), (Ports{2, 3}));
}

TEST(ListenerTracker, SettlesInTheOrderOfEndpoints) {
  ListenerTracker tracker(kGrace);
  tracker.observe(picture({on(9000), on(80), on(3000)}), at(0ms));
  EXPECT_EQ(ports(tracker), (Ports{80, 3000, 9000}));
}

TEST(ListenerTracker, WithdrawsAtOnceWithoutAGrace) {
  ListenerTracker tracker(0ms);
  const base::SteadyTime now{};
  tracker.observe({{on(3000)}, 0}, now);
  EXPECT_TRUE(tracker.observe({}, now));
  EXPECT_TRUE(tracker.settled().empty());
}

}  // namespace
}  // namespace fairlead::detect
