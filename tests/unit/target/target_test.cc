#include "target/target.h"

#include <gtest/gtest.h>

namespace fairlead::target {
namespace {

TEST(ShortId, IsTheFirstTwelveCharactersOrAllThereAre) {
  EXPECT_EQ(short_id("0123456789abcdef0123456789abcdef"), "0123456789ab");
  EXPECT_EQ(short_id("0123456789ab"), "0123456789ab");
  EXPECT_EQ(short_id("dev"), "dev");
  EXPECT_EQ(short_id(""), "");
}

TEST(Target, ClaimsNothingUntilAnEngineFillsItIn) {
  const Target target;
  EXPECT_FALSE(target.running);
  EXPECT_FALSE(target.paused);
  EXPECT_FALSE(target.host_network);
  EXPECT_EQ(target.init_pid, 0);
}

}  // namespace
}  // namespace fairlead::target
