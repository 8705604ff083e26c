#include "detect/scan_schedule.h"

#include <gtest/gtest.h>

namespace fairlead::detect {
namespace {

using namespace std::chrono_literals;

base::SteadyTime hour_and(std::chrono::milliseconds time) { return base::SteadyTime(1h + time); }

using Step = ScanSchedule::Step;

ScanSchedule make_schedule() {
  ScanSchedule::Settings settings;
  settings.tick = 40ms;
  settings.first_active_tick = 2ms;
  settings.quick_tick = 5ms;
  settings.quick_period = 1000ms;
  settings.longest_gap = 2000ms;
  return ScanSchedule(settings);
}

TEST(ScanSchedule, ScansAtTheFirstTick) {
  EXPECT_TRUE(make_schedule().should_scan(hour_and(0ms), 5));
  EXPECT_TRUE(make_schedule().should_scan(hour_and(0ms), std::nullopt));
}

TEST(ScanSchedule, ScansOnlyIfTheContainerHasUsedCpu) {
  ScanSchedule schedule = make_schedule();
  schedule.scanned(hour_and(0ms), 100);
  EXPECT_FALSE(schedule.should_scan(hour_and(40ms), 100));
  EXPECT_TRUE(schedule.should_scan(hour_and(40ms), 101));
  schedule.scanned(hour_and(80ms), 101);
  EXPECT_FALSE(schedule.should_scan(hour_and(120ms), 101));
}

TEST(ScanSchedule, ACounterThatWentBackHasMoved) {
  ScanSchedule schedule = make_schedule();
  schedule.scanned(hour_and(0ms), 100);
  EXPECT_TRUE(schedule.should_scan(hour_and(40ms), 3));
}

TEST(ScanSchedule, ScansAtEveryTickWithoutACounter) {
  ScanSchedule schedule = make_schedule();
  schedule.scanned(hour_and(0ms), std::nullopt);
  EXPECT_TRUE(schedule.should_scan(hour_and(1ms), std::nullopt));
  EXPECT_TRUE(schedule.should_scan(hour_and(1ms), 7));
  schedule.scanned(hour_and(1ms), 7);
  EXPECT_TRUE(schedule.should_scan(hour_and(2ms), std::nullopt));
}

TEST(ScanSchedule, ScansAfterTheLongestGapWhateverTheCounterSays) {
  ScanSchedule schedule = make_schedule();
  schedule.scanned(hour_and(0ms), 100);
  EXPECT_FALSE(schedule.should_scan(hour_and(1999ms), 100));
  EXPECT_TRUE(schedule.should_scan(hour_and(2000ms), 100));
  schedule.scanned(hour_and(2000ms), 100);
  EXPECT_FALSE(schedule.should_scan(hour_and(3999ms), 100));
}

TEST(ScanSchedule, TicksQuicklyForAMomentAfterAListenerHasGone) {
  ScanSchedule schedule = make_schedule();
  EXPECT_EQ(schedule.next_tick(hour_and(0ms)), 40ms);
  schedule.listener_gone(hour_and(0ms));
  EXPECT_EQ(schedule.next_tick(hour_and(0ms)), 5ms);
  EXPECT_EQ(schedule.next_tick(hour_and(999ms)), 5ms);
  EXPECT_EQ(schedule.next_tick(hour_and(1000ms)), 40ms);
  schedule.listener_gone(hour_and(5000ms));
  schedule.listener_gone(hour_and(5500ms));
  EXPECT_EQ(schedule.next_tick(hour_and(6400ms)), 5ms);
  EXPECT_EQ(schedule.next_tick(hour_and(6500ms)), 40ms);
}

TEST(ScanSchedule, RestsInAnIdleContainerThatIsMonitored) {
  ScanSchedule schedule = make_schedule();
  schedule.set_monitored(true);
  EXPECT_EQ(schedule.next_tick(hour_and(0ms)), 2000ms);
  schedule.listener_gone(hour_and(0ms));
  EXPECT_EQ(schedule.next_tick(hour_and(1ms)), 2000ms) << "the monitor will tell";
}

TEST(ScanSchedule, TicksAtOnceOnActivityAndThenWithGrowingGaps) {
  ScanSchedule schedule = make_schedule();
  schedule.set_monitored(true);
  schedule.activity();
  std::uint64_t usage = 0;
  for (const auto gap : {2ms, 3ms, 4ms, 6ms, 9ms, 13ms, 19ms, 28ms, 40ms, 40ms}) {
    EXPECT_EQ(schedule.next_tick(hour_and(0ms)), gap);
    EXPECT_EQ(schedule.tick(hour_and(0ms), ++usage), Step::kScan);
    schedule.scanned(hour_and(0ms), usage);
  }
  schedule.activity();
  EXPECT_EQ(schedule.next_tick(hour_and(0ms)), 2ms);
}

// To resume the monitor at once would be told of activity at once: two calls into the kernel for
// each processor, every other millisecond, and every context switch of the container counted.
TEST(ScanSchedule, DoesNotRestWhileTheContainerIsBusy) {
  ScanSchedule schedule = make_schedule();
  schedule.set_monitored(true);
  schedule.activity();
  for (std::uint64_t usage = 1; usage < 100; ++usage) {
    EXPECT_EQ(schedule.tick(hour_and(usage * 10ms), usage), Step::kScan);
    schedule.scanned(hour_and(usage * 10ms), usage);
  }
}

TEST(ScanSchedule, RestsOnceWhenNothingHasRunSinceTheLastScan) {
  ScanSchedule schedule = make_schedule();
  schedule.set_monitored(true);
  schedule.scanned(hour_and(0ms), 100);
  EXPECT_EQ(schedule.tick(hour_and(1ms), 100), Step::kNothing) << "it was not active";
  schedule.activity();
  EXPECT_EQ(schedule.tick(hour_and(2ms), std::nullopt), Step::kScan);
  EXPECT_EQ(schedule.tick(hour_and(2ms), 101), Step::kScan);
  schedule.scanned(hour_and(2ms), 101);
  EXPECT_EQ(schedule.tick(hour_and(4ms), 101), Step::kRest);
  EXPECT_EQ(schedule.tick(hour_and(6ms), 101), Step::kNothing);
  EXPECT_EQ(schedule.next_tick(hour_and(6ms)), 2000ms);
}

TEST(ScanSchedule, NeverRestsWithoutAMonitor) {
  ScanSchedule schedule = make_schedule();
  schedule.activity();
  schedule.scanned(hour_and(0ms), 100);
  EXPECT_EQ(schedule.tick(hour_and(4ms), 100), Step::kNothing);
}

TEST(ScanSchedule, NeverTicksSlowerThanFiftyMillisecondsByDefault) {
  EXPECT_LE(ScanSchedule().next_tick(hour_and(0ms)), 50ms);
}

}  // namespace
}  // namespace fairlead::detect
