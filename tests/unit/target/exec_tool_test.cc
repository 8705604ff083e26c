// What a container has for connections over exec, and the commands that come of it.
#include "target/exec_tool.h"

#include <gtest/gtest.h>

namespace fairlead::target {
namespace {

base::Endpoint at(const char* address, std::uint16_t port) {
  return {*base::IpAddress::parse(address), port};
}

TEST(ExecTool, PrefersSocatThenNcThenBash) {
  EXPECT_EQ(parse_probe("sh\nsocat\nnc\nbash\ncat\n").best, ExecTool::kSocat);
  EXPECT_EQ(parse_probe("sh\nbash\nnc\n").best, ExecTool::kNc);
  EXPECT_EQ(parse_probe("sh\r\nbash\r\ncat\r\n").best, ExecTool::kBash);
  EXPECT_FALSE(parse_probe("sh\ncat\n").best);
}

TEST(ExecTool, TakesWholeWordsOnlyAndNothingFromGarbage) {
  EXPECT_FALSE(parse_probe("").best);
  EXPECT_FALSE(parse_probe("nc: not found\nbash: no\nxsocat").best);
  EXPECT_FALSE(parse_probe(std::string(100, '\0')).has_shell);
  EXPECT_TRUE(parse_probe("nc").best);
}

TEST(ExecTool, DialsWithEachOfThem) {
  const ExecTools nc = parse_probe("sh\nnc");
  EXPECT_EQ(connect_command(nc, at("127.0.0.1", 80)),
            (std::vector<std::string>{"nc", "127.0.0.1", "80"}));
  EXPECT_EQ(connect_command(nc, at("::1", 80))[1], "::1");
  const ExecTools bare{ExecTool::kSocat, false, false};
  EXPECT_EQ(connect_command(bare, at("127.0.0.1", 80)).back(), "TCP4:127.0.0.1:80,nodelay");
  EXPECT_EQ(connect_command(bare, at("::1", 80)).back(), "TCP6:[::1]:80,nodelay");
  const auto scripted = connect_command(parse_probe("sh\nsocat\ncat"), at("::1", 80));
  ASSERT_EQ(scripted.size(), 4U);
  EXPECT_EQ(scripted[0], "sh");
  EXPECT_EQ(scripted[3], "TCP6:[::1]:80,nodelay") << "an argument, not part of the script";
  const auto bash = connect_command(parse_probe("sh\nbash"), at("::1", 80));
  ASSERT_EQ(bash.size(), 5U);
  EXPECT_EQ(bash[3], "::1");
  EXPECT_EQ(bash[4], "80");
  EXPECT_TRUE(connect_command({}, at("::1", 80)).empty());
}

TEST(ExecTool, ReadsSocketsWithWhatThereIs) {
  EXPECT_EQ(read_sockets_command(parse_probe("sh\ncat"))[0], "cat");
  EXPECT_EQ(read_sockets_command(parse_probe("sh\nbash"))[0], "bash");
  EXPECT_TRUE(read_sockets_command(parse_probe("sh\nnc")).empty());
}

}  // namespace
}  // namespace fairlead::target
