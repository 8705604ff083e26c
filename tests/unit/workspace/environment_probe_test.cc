// The question to a user's shell, and what its answer means.
#include "supervisor/workspace/environment_probe.h"

#include <gtest/gtest.h>

namespace fairlead::workspace {
namespace {

using Words = std::vector<std::string>;
using engine::Variables;

constexpr const char* kMark = "fairlead-0123";

Words tail(const Words& words, std::size_t from) {
  return {words.begin() + static_cast<std::ptrdiff_t>(from), words.end()};
}

TEST(ProbeArgv, GivesMarkUserAndFlagsAsWords) {
  EXPECT_EQ(tail(probe_argv("loginInteractiveShell", "de v", kMark), 3),
            (Words{"sh", kMark, "de v", "-lic", "-Login -Command"}));
  EXPECT_EQ(tail(probe_argv("loginShell", "dev", kMark), 6), (Words{"-lc", "-Login -Command"}));
  EXPECT_EQ(tail(probe_argv("interactiveShell", "dev", kMark), 6), (Words{"-ic", "-Command"}));
  EXPECT_EQ(tail(probe_argv("none", "dev", kMark), 6), Words{});
}

std::string answer(const std::string& environment, const std::string& noise = "") {
  const std::string mark = kMark;
  return mark + "/home/dev" + mark + "/bin/bash" + mark + noise + mark + environment + mark;
}

TEST(ParseProbe, ReadsHomeShellAndEnvironment) {
  const auto found =
      parse_probe(answer(std::string("A=1\0B=x=y\nz\0PWD=/\0=odd\0nothing\0", 32)), kMark);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->home, "/home/dev");
  EXPECT_EQ(found->shell, "/bin/bash");
  EXPECT_EQ(found->environment, (Variables{{"A", "1"}, {"B", "x=y\nz"}}));
}

TEST(ParseProbe, ReadsLinesWhereThereIsNoProcfs) {
  EXPECT_EQ(parse_probe(answer("A=1\nB=2\n"), kMark)->environment,
            (Variables{{"A", "1"}, {"B", "2"}}));
}

TEST(ParseProbe, SkipsWhatStartupFilesPrint) {
  EXPECT_EQ(parse_probe(answer("A=1\n", "Welcome!\nA=0\n") + "bye\n", kMark)->environment,
            (Variables{{"A", "1"}}));
}

TEST(ParseProbe, KnowsHomeAndShellWithoutAnEnvironment) {
  const std::string mark = kMark;
  const auto found = parse_probe(mark + "/root" + mark + mark, kMark);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->home, "/root");
  EXPECT_EQ(found->shell, "/bin/sh");
  EXPECT_TRUE(found->environment.empty());
}

TEST(ParseProbe, TakesHalfAnAnswerForNone) {
  const std::string whole = answer("A=1\n");
  EXPECT_FALSE(parse_probe("", kMark));
  EXPECT_FALSE(parse_probe("sh: not found", kMark));
  EXPECT_TRUE(parse_probe(whole.substr(0, whole.size() - 1), kMark)->environment.empty());
}

TEST(MergePaths, PutsBackWhatTheShellHasLost) {
  struct {
    const char* shell;
    const char* container;
    bool root;
    const char* expected;
  } const cases[] = {
      {"/usr/bin:/bin", "/usr/bin:/bin", false, "/usr/bin:/bin"},
      {"/usr/bin:/bin", "/opt/x/bin:/usr/bin:/bin", false, "/opt/x/bin:/usr/bin:/bin"},
      {"/home/dev/bin:/usr/bin:/bin", "/usr/bin:/opt/x:/bin:/opt/y", false,
       "/home/dev/bin:/usr/bin:/opt/x:/bin:/opt/y"},
      {"/usr/bin", "/usr/sbin:/usr/bin:/sbin", false, "/usr/bin"},
      {"/usr/bin", "/usr/sbin:/usr/bin:/sbin", true, "/usr/sbin:/usr/bin:/sbin"},
      {"/a", "/b", false, "/b:/a"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(merge_paths(c.shell, c.container, c.root), c.expected) << c.container;
  }
}

TEST(IsVariableName, TakesWhatAShellTakes) {
  for (const char* name : {"A", "_a1"}) EXPECT_TRUE(is_variable_name(name));
  for (const char* name : {"", "1A", "A-B", "A B", "A=B", "Ä"})
    EXPECT_FALSE(is_variable_name(name));
}

}  // namespace
}  // namespace fairlead::workspace
