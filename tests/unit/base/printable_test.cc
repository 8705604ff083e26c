#include "base/printable.h"

#include <gtest/gtest.h>

namespace fairlead::base {
namespace {

TEST(Printable, LeavesTextsAsTheyAre) {
  for (const char* text : {"", "plain ~", "Größe", "日本語", "\xF0\x9F\x9A\xA2", "\xC2\xA0"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(Printable, ReplacesWhatATerminalObeys) {
  EXPECT_EQ(printable("\x1b[2J\r\n\t\x7f"), "?[2J????");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m"),
            "?31m")
      << "U+009B is the same as ESC [";
  EXPECT_EQ(printable("a\xE2\x80\xAE"
                      "b\xE2\x81\xA6\xE2\x80\xA8"),
            "a?b??")
      << "directions, lines";
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a?b");
}

TEST(Printable, MarksEachByteThatIsNoCharacter) {
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(printable("a\xff\xfe"
                      "b"),
            "a" + mark + mark + "b");
  EXPECT_EQ(printable("\x9b"
                      "31m"),
            mark + "31m")
      << "Latin-1's ESC [";
  EXPECT_EQ(printable("\xC0\xAF"), mark + mark) << "overlong";
  EXPECT_EQ(printable("\xE0\x80\xAF"), mark + mark + mark) << "overlong";
  EXPECT_EQ(printable("\xED\xA0\x80"), mark + mark + mark) << "a surrogate";
  EXPECT_EQ(printable("\xF4\x90\x80\x80"), mark + mark + mark + mark) << "beyond U+10FFFF";
  EXPECT_EQ(printable("\xE2\x82"), mark + mark) << "cut";
  EXPECT_EQ(printable("\xE2\x1b[m"), mark + "?[m") << "a lead does not swallow what follows";
}

TEST(PrintableJson, EscapesAndMeansTheSame) {
  EXPECT_EQ(printable_json("{\"a\":\"\xC2\x9B"
                           "1\x7f\xE2\x80\xAE\"}\n"),
            "{\"a\":\"\\u009b1\\u007f\\u202e\"}\n");
  EXPECT_EQ(printable_json("[\"é\\n\"]"), "[\"é\\n\"]");
}

TEST(PrintableLines, KeepLineEndsAndNothingElse) {
  EXPECT_EQ(printable_lines("a\x1b\n\nb\t", 100), "a?\n\nb?");
  EXPECT_EQ(printable_lines("", 100), "");
  EXPECT_EQ(printable_lines("a\n", 100), "a\n");
}

TEST(PrintableLines, AreCutBetweenCharacters) {
  EXPECT_EQ(printable_lines("abcdef", 6), "abcdef");
  EXPECT_EQ(printable_lines("abcdefg", 6), "abcdef…");
  EXPECT_EQ(printable_lines("aééé", 4), "aé…");
  EXPECT_LT(printable_lines(std::string(1U << 20, '\x80'), 100).size(), 400U);
}

}  // namespace
}  // namespace fairlead::base
