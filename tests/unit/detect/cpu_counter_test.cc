#include "detect/cpu_counter.h"

#include <gtest/gtest.h>

namespace fairlead::detect {
namespace {

TEST(ParseCpuUsage, ReadsBothVersionsOfTheFile) {
  struct Case {
    std::string_view text;
    std::optional<std::uint64_t> usage;
  };
  const Case cases[] = {
      {"0\n", 0U},
      {"123456789\n", 123456789U},
      {"18446744073709551615\n", 18446744073709551615ULL},
      {"usage_usec 4711\nuser_usec 4000\nsystem_usec 711\n", 4711U},
      {"usage_usec 0\n", 0U},
      {"", std::nullopt},
      {"\n", std::nullopt},
      {"usage_usec ", std::nullopt},
      {"usage_usec\n", std::nullopt},
      {"user_usec 5\n", std::nullopt},
      {"-5\n", std::nullopt},
      {"18446744073709551616\n", std::nullopt},
      {"many\n", std::nullopt},
  };
  for (const Case& c : cases) EXPECT_EQ(parse_cpu_usage(c.text), c.usage) << c.text;
}

}  // namespace
}  // namespace fairlead::detect
