#include <gtest/gtest.h>

#include "supervisor/version.h"

namespace fairlead {
namespace {

TEST(VersionOrder, ComparesNumbersPartByPart) {
  // Ascending; equal ones share a line.
  const std::vector<std::vector<std::string>> order = {
      {"", "0", "0.0.0", "garbage"},
      {"0.0.1"},
      {"0.1.0", "0.1", "0.1.0-rc1"},
      {"0.1.1"},
      {"0.2.0"},
      {"0.10.0"},
      {"1.0.0", "1", "1.0"},
      {"1.0.0.1"},
      {"2.0.0"},
      {"10.0.0"},
      {"999.0.0"},
  };
  for (std::size_t a = 0; a < order.size(); ++a) {
    for (std::size_t b = 0; b < order.size(); ++b) {
      for (const std::string& left : order[a]) {
        for (const std::string& right : order[b]) {
          EXPECT_EQ(is_older_version(left, right), a < b) << left << " " << right;
        }
      }
    }
  }
}

TEST(VersionOrder, SurvivesNonsense) {
  for (const char* text : {".", "..", "1.", ".1", "-1", "1.-1", "99999999999999999999", "1.x.3"}) {
    EXPECT_NO_THROW((void)is_older_version(text, "1.0.0"));
    EXPECT_FALSE(is_older_version(text, text));
  }
}

}  // namespace
}  // namespace fairlead
