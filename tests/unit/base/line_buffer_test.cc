#include "base/line_buffer.h"

#include <gtest/gtest.h>

#include <vector>

namespace fairlead::base {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(LineBuffer& buffer) {
  Lines lines;
  while (auto line = buffer.next()) lines.push_back(std::move(*line));
  return lines;
}

TEST(LineBuffer, GivesTheSameLinesWhereverThePiecesEnd) {
  const std::string text = "one\n\nthree\nnot yet";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    LineBuffer buffer(100);
    for (std::size_t at = 0; at < text.size(); at += size) buffer.feed(text.substr(at, size));
    EXPECT_EQ(lines_of(buffer), (Lines{"one", "", "three"})) << size;
    buffer.feed("\n");
    EXPECT_EQ(lines_of(buffer), Lines{"not yet"});
    EXPECT_EQ(buffer.dropped(), 0U);
  }
}

TEST(LineBuffer, DropsALineThatIsTooLongUpToItsEnd) {
  LineBuffer buffer(4);
  for (const char* piece : {"1234\n123", "45", "67\nlast\n"}) buffer.feed(piece);
  EXPECT_EQ(lines_of(buffer), (Lines{"1234", "last"}));
  EXPECT_EQ(buffer.dropped(), 1U);
}

}  // namespace
}  // namespace fairlead::base
