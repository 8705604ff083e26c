#include "base/process_identity.h"

#include <gtest/gtest.h>

namespace fairlead::base {
namespace {

// Fields 3 to 52 of a real line (Linux 6.18), start time 48213.
const std::string kTail =
    " S 1 4021 4021 0 -1 4194560 1290 0 0 0 3 2 0 0 20 0 1 0 48213 7770112 929 "
    "18446744073709551615 93824992231424 93824992290265 140737488346912 0 0 0 0 4096 1073808632 1 "
    "0 0 17 1 0 0 0 0 0 93824992308976 93824992312000 93824992312384 140737488350000 "
    "140737488350020 140737488350020 140737488351207 0\n";

TEST(ParseStartTicks, ReadsField22WhateverTheCommandIsCalled) {
  const std::string names[] = {
      "bash", "tmux: server", "a) S 1 2 3 4", "((((",    "))))", ") R 1 (", "", "x\ny",
      " ",    "9 9 9 9 9",    "(sd-pam)",     "\xff\xfe"};
  for (const std::string& name : names) {
    const auto ticks = parse_start_ticks("4021 (" + name + ")" + kTail);
    ASSERT_TRUE(ticks) << name;
    EXPECT_EQ(*ticks, 48213U) << name;
  }
}

TEST(ParseStartTicks, ReadsTheLargestNumberThereIs) {
  const std::string line = "1 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 18446744073709551615 0";
  const auto ticks = parse_start_ticks(line);
  ASSERT_TRUE(ticks);
  EXPECT_EQ(*ticks, 18446744073709551615ULL);
}

TEST(ParseStartTicks, RefusesLinesThatEndBeforeTheField) {
  const std::string line = "4021 (bash)" + kTail;
  const std::size_t field = line.find("48213");
  for (std::size_t length = 0; length <= field; ++length) {
    EXPECT_FALSE(parse_start_ticks(line.substr(0, length))) << length;
  }
}

TEST(ParseStartTicks, RefusesWhatIsNoNumber) {
  const std::string head = "1 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 ";
  for (const char* field : {"", " ", "x", "-1", "+1", "18446744073709551616"}) {
    EXPECT_FALSE(parse_start_ticks(head + field + " 0")) << '"' << field << '"';
  }
  EXPECT_FALSE(parse_start_ticks("no brackets at all 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"));
}

}  // namespace
}  // namespace fairlead::base
