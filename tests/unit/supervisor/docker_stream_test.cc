#include "supervisor/engine/docker_stream.h"

#include <gtest/gtest.h>

#include <string>

namespace fairlead::engine {
namespace {

std::string piece(char stream, const std::string& bytes) {
  std::string header(8, '\0');
  header[0] = stream;
  for (std::size_t i = 0; i < 4; ++i) {
    header[7 - i] = static_cast<char>(bytes.size() >> (8 * i));
  }
  return header + bytes;
}

struct Outcome {
  std::string output;
  std::string aside;
  bool fine = true;
  bool operator==(const Outcome&) const = default;
};

Outcome read(std::string_view raw, std::size_t size) {
  DockerStream stream;
  Outcome outcome;
  for (; outcome.fine && !raw.empty(); raw.remove_prefix(std::min(size, raw.size()))) {
    outcome.fine = stream.feed(raw.substr(0, size), [&](std::string_view payload) {
      outcome.output += payload;
      return true;
    });
  }
  outcome.aside = stream.aside();
  return outcome;
}

TEST(DockerStream, TakesOffTheHeadersWhateverThePieces) {
  const std::string long_one(70'000, 'x');
  const std::string raw = piece(1, "hello") + piece(2, "a complaint") + piece(1, "") +
                          piece(1, long_one) + piece(2, "!") + piece(1, "end");
  for (const std::size_t size : {1UL, 3UL, 7UL, 8UL, 9UL, 4096UL, raw.size()}) {
    EXPECT_EQ(read(raw, size), (Outcome{"hello" + long_one + "end", "a complaint!"})) << size;
  }
}

TEST(DockerStream, KeepsLittleOfWhatComesBeside) {
  const Outcome outcome = read(piece(2, std::string(100'000, 'e')) + piece(1, "out"), 1000);
  EXPECT_EQ(outcome.output, "out");
  EXPECT_EQ(outcome.aside, std::string(500, 'e'));
}

TEST(DockerStream, RefusesWhatIsNoStream) {
  EXPECT_FALSE(read(piece(4, "x"), 100).fine);
  EXPECT_FALSE(read("HTTP/1.1 500", 100).fine);
  EXPECT_FALSE(read("\xff" + std::string(20, '\0'), 1).fine);
}

TEST(DockerStream, ASinkThatRefusesIsTheLast) {
  DockerStream stream;
  int taken = 0;
  EXPECT_FALSE(stream.feed(piece(1, "a") + piece(1, "b"), [&](std::string_view) {
    ++taken;
    return false;
  }));
  EXPECT_EQ(taken, 1);
}

}  // namespace
}  // namespace fairlead::engine
