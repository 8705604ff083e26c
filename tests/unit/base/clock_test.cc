#include "base/clock.h"

#include <gtest/gtest.h>

namespace fairlead::base {
namespace {

WallTime at(std::int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

TEST(Clock, WritesTimesAsIso8601InUtc) {
  const std::pair<std::int64_t, const char*> cases[] = {
      {0, "1970-01-01T00:00:00Z"},          {951782399, "2000-02-28T23:59:59Z"},
      {951782400, "2000-02-29T00:00:00Z"},  {1767225600, "2026-01-01T00:00:00Z"},
      {2147483648, "2038-01-19T03:14:08Z"},
  };
  for (const auto& [seconds, text] : cases) EXPECT_EQ(to_iso8601(at(seconds)), text);
}

TEST(Clock, DropsTheFractionOfASecond) {
  EXPECT_EQ(to_iso8601(at(1767225600) + std::chrono::milliseconds(999)), "2026-01-01T00:00:00Z");
  EXPECT_EQ(to_epoch_seconds(at(42) + std::chrono::milliseconds(999)), 42);
}

TEST(Clock, CountsSecondsSinceTheEpoch) {
  for (const std::int64_t seconds : {0LL, 1LL, 1767225600LL, 4102444800LL}) {
    EXPECT_EQ(to_epoch_seconds(at(seconds)), seconds);
  }
}

}  // namespace
}  // namespace fairlead::base
