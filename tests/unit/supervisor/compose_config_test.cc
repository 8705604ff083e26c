#include "supervisor/workspace/compose_config.h"

#include <gtest/gtest.h>

namespace fairlead::workspace {
namespace {

using Words = std::vector<std::string>;

TEST(ComposeConfig, IsReadFromWhatVersion1Prints) {
  const auto config = parse_compose_config(
      "services:\n"
      "  app:\n"
      "    build:\n"
      "      context: /w\n"
      "    command: sh -c 'sleep 1; echo $$HOME'\n"
      "    network_mode: service:db\n"
      "    user: '1000'\n"
      "  db:\n"
      "    command: []\n"
      "    entrypoint:\n"
      "    - /bin/portd\n"
      "    - echo\n"
      "    image: local:db\n"
      "version: '3.8'\n"
      "volumes:\n"
      "  data: {}\n");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->name, "");
  ASSERT_EQ(config->services.size(), 2U);
  const ComposeService& app = config->services.at("app");
  EXPECT_TRUE(app.builds);
  EXPECT_EQ(app.image, "");
  EXPECT_EQ(app.user, "1000");
  EXPECT_EQ(app.command, (Words{"sh", "-c", "sleep 1; echo $$HOME"}));
  EXPECT_FALSE(app.entrypoint);
  const ComposeService& db = config->services.at("db");
  EXPECT_FALSE(db.builds);
  EXPECT_EQ(db.image, "local:db");
  EXPECT_EQ(db.entrypoint, (Words{"/bin/portd", "echo"}));
  EXPECT_EQ(db.command, Words{});
  EXPECT_EQ(config->volumes, std::set<std::string>{"data"});
}

base::Result<ComposeConfig> with_extension(const std::string& words) {
  return parse_compose_config("services:\n  app:\n    image: local:app\n    x-fairlead:" + words +
                              "\n");
}

TEST(ComposeConfig, SaysWhatIsWishedOfTheKernel) {
  EXPECT_EQ(with_extension(" {nat-proxy: true}")->services.at("app").nat,
            (config::NatWish{true, {}}));
  EXPECT_EQ(with_extension("\n      nat-proxy: false")->services.at("app").nat,
            (config::NatWish{false, {}}));
  EXPECT_EQ(with_extension("\n      nat-proxy:\n        '80': true\n        81: false")
                ->services.at("app")
                .nat,
            (config::NatWish{{}, {{80, true}, {81, false}}}));
  const auto other = with_extension(" {nat-prosy: true}");
  ASSERT_TRUE(other);
  EXPECT_FALSE(other->services.at("app").nat.is_said());
  ASSERT_EQ(other->warnings.size(), 1U);
  EXPECT_NE(other->warnings[0].find("services.app[\"x-fairlead\"][\"nat-prosy\"]"),
            std::string::npos)
      << other->warnings[0];
}

TEST(ComposeConfig, AWishThatIsNoneIsAnErrorThatNamesIt) {
  for (const char* words : {" on", " {nat-proxy: perhaps}", " {nat-proxy: {80: 1}}",
                            " {nat-proxy: {0: true}}", " {nat-proxy: [true]}"}) {
    const auto config = with_extension(words);
    ASSERT_FALSE(config) << words;
    EXPECT_NE(config.error().message().find("x-fairlead"), std::string::npos)
        << config.error().message();
  }
}

TEST(ComposeConfig, IsReadFromWhatVersion2Prints) {
  const auto config = parse_compose_config(
      "name: chosen\n"
      "services:\n"
      "  app:\n"
      "    command: null\n"
      "    entrypoint: null\n"
      "    image: local:app\n"
      "    networks:\n"
      "      default: null\n"
      "networks:\n"
      "  default:\n"
      "    name: chosen_default\n");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->name, "chosen");
  EXPECT_FALSE(config->services.at("app").command);
  EXPECT_FALSE(config->services.at("app").entrypoint);
}

TEST(ComposeConfig, MakesDoWithAnything) {
  for (const char* text : {"services: []\n", "{}", "services:\n  app: 1\n", "name: []\n"}) {
    const auto config = parse_compose_config(text);
    ASSERT_TRUE(config) << text;
    EXPECT_TRUE(config->services.empty()) << text;
  }
  for (const char* text : {"", "[]", "just words", "a: [", "services: *x\n"}) {
    EXPECT_FALSE(parse_compose_config(text)) << text;
  }
}

TEST(ComposeFile, SaysItsVersionAndName) {
  EXPECT_EQ(parse_compose_file_head("version: \"3.8\"\nname: x\n").version, "3.8");
  EXPECT_EQ(parse_compose_file_head("version: 3.8\nname: x\n").name, "x");
  EXPECT_EQ(parse_compose_file_head("services: {}\n").version, "");
  EXPECT_EQ(parse_compose_file_head("version: [\n").version, "");
  EXPECT_EQ(parse_compose_file_head("x-a: &a {k: v}\nversion: '2.4'\ny: *a\n").version, "2.4");
}

TEST(SplitWords, TakesQuotesAsAShellDoesAndNothingElse) {
  struct Row {
    const char* text;
    Words words;
  };
  for (const Row& row : {
           Row{"", {}},
           Row{"  a  b\tc\n", {"a", "b", "c"}},
           Row{"a 'b c' \"d e\"", {"a", "b c", "d e"}},
           Row{"''", {""}},
           Row{"a'b'c", {"abc"}},
           Row{"a\\ b", {"a b"}},
           Row{"\"a\\\"b\\n\"", {"a\"b\\n"}},
           Row{"'a\\b'", {"a\\b"}},
           Row{"a; rm -rf $HOME `x`", {"a;", "rm", "-rf", "$HOME", "`x`"}},
           Row{"'open", {"open"}},
           Row{"end\\", {"end\\"}},
       }) {
    EXPECT_EQ(split_words(row.text), row.words) << row.text;
  }
}

}  // namespace
}  // namespace fairlead::workspace
