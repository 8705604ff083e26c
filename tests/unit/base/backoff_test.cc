#include "base/backoff.h"

#include <gtest/gtest.h>

namespace fairlead::base {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, DoublesUpToItsBoundAndStaysThere) {
  Backoff backoff(1ms, 20ms);
  for (const auto expected : {1ms, 2ms, 4ms, 8ms, 16ms, 20ms, 20ms, 20ms}) {
    EXPECT_EQ(backoff.next(), expected);
  }
}

TEST(Backoff, BeginsAnewAfterAReset) {
  Backoff backoff(5ms, 1s);
  backoff.next();
  backoff.next();
  backoff.reset();
  EXPECT_EQ(backoff.next(), 5ms);
  EXPECT_EQ(backoff.next(), 10ms);
}

TEST(Backoff, DoesNotOverflowHoweverOftenItIsAsked) {
  Backoff backoff(1ms, 5s);
  for (int i = 0; i < 10000; ++i) backoff.next();
  EXPECT_EQ(backoff.next(), 5s);
}

TEST(Backoff, StaysPutWhereTheFirstIsTheLongest) {
  Backoff backoff(7ms, 7ms);
  EXPECT_EQ(backoff.next(), 7ms);
  EXPECT_EQ(backoff.next(), 7ms);
}

}  // namespace
}  // namespace fairlead::base
