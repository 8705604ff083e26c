#include "detect/owner_process.h"

#include <gtest/gtest.h>

namespace fairlead::detect {
namespace {

using namespace std::string_view_literals;

TEST(PrintableCommandLine, JoinsArgumentsBySpaces) {
  const std::pair<std::string_view, const char*> cases[] = {
      {"node\0server.js\0--port\0003000\0"sv, "node server.js --port 3000"},
      {"nginx: master process"sv, "nginx: master process"},
      {"x\0\0y\0"sv, "x  y"},
      {"x\0\0\0\0"sv, "x"},
      {""sv, ""},
      {"\0\0"sv, ""},
  };
  for (const auto& [raw, line] : cases) EXPECT_EQ(printable_command_line(raw), line);
}

TEST(PrintableCommandLine, LetsNothingThroughThatATerminalWouldObey) {
  EXPECT_EQ(printable_command_line("a\x1b]0;title\x07\0b\nc\td\r"sv), "a?]0;title? b?c?d?");
  std::string everything;
  for (int byte = 0; byte < 256; ++byte) everything.push_back(static_cast<char>(byte));
  for (const char c : printable_command_line(everything + "end")) {
    EXPECT_TRUE(c >= 0x20 && c < 0x7f) << static_cast<int>(c);
  }
}

TEST(PrintableCommandLine, IsBounded) {
  EXPECT_EQ(printable_command_line(std::string(100000, 'x')).size(), 256U);
  EXPECT_EQ(printable_command_line("abcdef"sv, 3), "abc");
  EXPECT_EQ(printable_command_line("abcdef"sv, 0), "");
  EXPECT_EQ(printable_command_line("abc"sv, 3), "abc");
}

}  // namespace
}  // namespace fairlead::detect
