#include "detect/scan_schedule.h"

#include <gtest/gtest.h>

namespace fairlead::detect {
namespace {

using namespace std::chrono_literals;

base::SteadyTime at(std::chrono::milliseconds time) { return base::SteadyTime(1h + time); }

ScanSchedule make() { return ScanSchedule({40ms, 5ms, 1000ms, 2000ms}); }

TEST(ScanSchedule, ScansAtTheFirstTick) {
  EXPECT_TRUE(make().should_scan(at(0ms), 5));
  EXPECT_TRUE(make().should_scan(at(0ms), std::nullopt));
}

TEST(ScanSchedule, ScansOnlyIfTheContainerHasUsedCpu) {
  ScanSchedule schedule = make();
  schedule.scanned(at(0ms), 100);
  EXPECT_FALSE(schedule.should_scan(at(40ms), 100));
  EXPECT_TRUE(schedule.should_scan(at(40ms), 101));
  schedule.scanned(at(80ms), 101);
  EXPECT_FALSE(schedule.should_scan(at(120ms), 101));
}

TEST(ScanSchedule, ACounterThatWentBackHasMoved) {
  ScanSchedule schedule = make();
  schedule.scanned(at(0ms), 100);
  EXPECT_TRUE(schedule.should_scan(at(40ms), 3));
}

TEST(ScanSchedule, ScansAtEveryTickWithoutACounter) {
  ScanSchedule schedule = make();
  schedule.scanned(at(0ms), std::nullopt);
  EXPECT_TRUE(schedule.should_scan(at(1ms), std::nullopt));
  EXPECT_TRUE(schedule.should_scan(at(1ms), 7));
  schedule.scanned(at(1ms), 7);
  EXPECT_TRUE(schedule.should_scan(at(2ms), std::nullopt));
}

TEST(ScanSchedule, ScansAfterTheLongestGapWhateverTheCounterSays) {
  ScanSchedule schedule = make();
  schedule.scanned(at(0ms), 100);
  EXPECT_FALSE(schedule.should_scan(at(1999ms), 100));
  EXPECT_TRUE(schedule.should_scan(at(2000ms), 100));
  schedule.scanned(at(2000ms), 100);
  EXPECT_FALSE(schedule.should_scan(at(3999ms), 100));
}

TEST(ScanSchedule, TicksQuicklyForAMomentAfterAListenerHasGone) {
  ScanSchedule schedule = make();
  EXPECT_EQ(schedule.next_tick(at(0ms)), 40ms);
  schedule.listener_gone(at(0ms));
  EXPECT_EQ(schedule.next_tick(at(0ms)), 5ms);
  EXPECT_EQ(schedule.next_tick(at(999ms)), 5ms);
  EXPECT_EQ(schedule.next_tick(at(1000ms)), 40ms);
  schedule.listener_gone(at(5000ms));
  schedule.listener_gone(at(5500ms));
  EXPECT_EQ(schedule.next_tick(at(6400ms)), 5ms);
  EXPECT_EQ(schedule.next_tick(at(6500ms)), 40ms);
}

TEST(ScanSchedule, NeverTicksSlowerThanFiftyMillisecondsByDefault) {
  EXPECT_LE(ScanSchedule().next_tick(at(0ms)), 50ms);
}

}  // namespace
}  // namespace fairlead::detect
