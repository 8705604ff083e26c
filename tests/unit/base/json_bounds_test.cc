#include "base/json_bounds.h"

#include <gtest/gtest.h>

#include <string>

namespace fairlead::base {
namespace {

TEST(JsonBounds, CountLevelsOfBrackets) {
  EXPECT_FALSE(nests_deeper_than("[[{}],[[]]]", 3));
  EXPECT_TRUE(nests_deeper_than("[[{}],[[]]]", 2));
  EXPECT_TRUE(nests_deeper_than(std::string(33, '['), kMostJsonLevels));
  // Nonsense is somebody else's to refuse.
  EXPECT_FALSE(nests_deeper_than("]]]]}}}}[", 1));
}

TEST(JsonBounds, CountTheKeysOfEachObject) {
  EXPECT_FALSE(exceeds(R"({"a":1,"b":{"c":1,"d":1},"e":[{"f":1},{"g":1}]})", 9, 3));
  EXPECT_TRUE(exceeds(R"({"a":1,"b":{"c":1,"d":1},"e":[]})", 9, 2));
  EXPECT_TRUE(exceeds(R"([{"b":{"c":1,"d":1,"e":1}}])", 9, 2));
  EXPECT_FALSE(exceeds("::::", 9, 0));
}

TEST(JsonBounds, LeaveStringsAlone) {
  EXPECT_FALSE(exceeds(R"({"a:b:c[[[[":"d:\":{{{"})", 1, 1));
  EXPECT_FALSE(exceeds(R"({"\\":1})", 1, 1));
  EXPECT_TRUE(exceeds(R"({"\\":1,"":2})", 1, 1));
}

}  // namespace
}  // namespace fairlead::base
