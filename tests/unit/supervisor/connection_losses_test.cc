#include "supervisor/daemon/connection_losses.h"

#include <gtest/gtest.h>

namespace fairlead::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr base::SteadyTime kBegin = base::SteadyTime{} + std::chrono::hours(1);

TEST(ConnectionLosses, OneThatLastedIsMadeAgainAtOnce) {
  ConnectionLosses losses;
  base::SteadyTime now = kBegin;
  for (int i = 0; i < 5; ++i) {
    const auto made = now;
    now += seconds(60);
    const auto verdict = losses.lost(now, made);
    EXPECT_LE(verdict.wait, milliseconds(400));
    EXPECT_TRUE(verdict.believed_in);
  }
}

TEST(ConnectionLosses, OneThatIsLostAtOnceIsMadeMoreAndMoreRarely) {
  ConnectionLosses losses;
  base::SteadyTime now = kBegin;
  int made = 0;
  for (; now < kBegin + std::chrono::minutes(10); ++made) {
    now += milliseconds(50);  // it joined, and ended
    now += losses.lost(now, now - milliseconds(20)).wait;
  }
  EXPECT_LT(made, 130);
  EXPECT_FALSE(losses.lost(now, now - milliseconds(20)).believed_in);
}

TEST(ConnectionLosses, OneThatCannotBeMadeIsNotBelievedInForEver) {
  ConnectionLosses losses;
  EXPECT_TRUE(losses.lost(kBegin, kBegin - seconds(60)).believed_in);
  EXPECT_TRUE(losses.lost(kBegin + seconds(5), std::nullopt).believed_in);
  EXPECT_FALSE(losses.lost(kBegin + seconds(21), std::nullopt).believed_in);
  // It is back, and lasts: as if nothing had been.
  EXPECT_TRUE(losses.lost(kBegin + seconds(90), kBegin + seconds(30)).believed_in);
}

}  // namespace
}  // namespace fairlead::daemon
