#include "supervisor/config/yaml.h"

#include <gtest/gtest.h>

namespace fairlead::config {
namespace {

std::string refused(const std::string& text, const YamlLimits& limits = {}) {
  const auto result = parse_yaml(text, "file", limits);
  return result ? "accepted: " + result->dump() : result.error().message();
}

TEST(Yaml, BecomesJsonWithEveryScalarAText) {
  struct Row {
    const char* yaml;
    const char* json;
  };
  for (const Row& row : {
           Row{"", "null"},
           Row{"a: 1\nb: true\nc: ~\nd:\ne: 'null'\nf: \"\"\n",
               R"({"a":"1","b":"true","c":null,"d":null,"e":"null","f":""})"},
           Row{"- x\n- [y, {z: w}]\n", R"(["x",["y",{"z":"w"}]])"},
           Row{"a: |\n  one\n  two\n", R"({"a":"one\ntwo\n"})"},
           Row{"{\"json\": [\"is\", \"yaml\"]}", R"({"json":["is","yaml"]})"},
           Row{"1: a\n~: b\n", R"({"1":"a","":"b"})"},
           Row{"a: 1\na: 2\n", R"({"a":"2"})"},
           Row{"a: !!binary aGk=\n", R"({"a":"aGk="})"},
           Row{"first: 1\n---\nsecond: 2\n", R"({"first":"1"})"},
       }) {
    const auto value = parse_yaml(row.yaml, "file");
    ASSERT_TRUE(value) << row.yaml << ": " << value.error().message();
    EXPECT_EQ(value->dump(), row.json) << row.yaml;
  }
}

TEST(Yaml, UnfoldsAliases) {
  const auto value = parse_yaml("x: &x {k: [1, 2]}\ny: *x\nz: [*x, &s hi, *s]\n", "file");
  ASSERT_TRUE(value) << value.error().message();
  EXPECT_EQ(value->dump(),
            R"({"x":{"k":["1","2"]},"y":{"k":["1","2"]},"z":[{"k":["1","2"]},"hi","hi"]})");
}

TEST(Yaml, RefusesAliasesThatUnfoldToTooMuch) {
  std::string laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 8; ++j) laughs += ", " + before;
    laughs += "]\n";
  }
  EXPECT_NE(refused(laughs).find("says too much"), std::string::npos) << refused(laughs).substr(0, 80);
  std::string quadratic = "s: &s " + std::string(1U << 20, 'x') + "\nl:\n";
  for (int i = 0; i < 100; ++i) quadratic += "- *s\n";
  EXPECT_NE(refused(quadratic).find("says too much"), std::string::npos);
}

TEST(Yaml, RefusesAnAliasOfWhatContainsIt) {
  const std::string words = refused("a: &a [1, *a]\n");
  EXPECT_NE(words.find("not complete"), std::string::npos) << words;
}

TEST(Yaml, RefusesWhatIsNestedTooDeep) {
  for (const char* opening : {"[", "{a: ", "- ", "? "}) {
    for (const int depth : {100, 5'000, 100'000}) {
      std::string text;
      for (int i = 0; i < depth; ++i) text += opening;
      EXPECT_EQ(refused(text).rfind("accepted", 0), std::string::npos) << opening << depth;
    }
  }
  EXPECT_EQ(refused("[[[[1]]]]", {.depth = 3}), "file:1: nested too deep");
  EXPECT_EQ(refused("[[[1]]]", {.depth = 3}).rfind("accepted", 0), 0U);
}

TEST(Yaml, RefusesWhatIsTooBigInAnyWay) {
  EXPECT_EQ(refused("abcdef", {.bytes = 5}), "file: too big");
  EXPECT_NE(refused("[1, 2, 3]", {.nodes = 3}).find("says too much"), std::string::npos);
  EXPECT_NE(refused("{a: 1, b: 2, c: 3}", {.keys = 2}).find("too many keys"), std::string::npos);
}

TEST(Yaml, NamesTheLineOfAMistake) {
  EXPECT_EQ(refused("a: 1\nb: [1\n").rfind("file:", 0), 0U);
  EXPECT_EQ(refused("a: 1\nb: *nobody\n").rfind("file:2: ", 0), 0U) << refused("a: 1\nb: *nobody\n");
  EXPECT_EQ(refused("[a]: b\n").rfind("accepted", 0), std::string::npos);
}

TEST(Yaml, SurvivesEveryPrefixOfAText) {
  const std::string text =
      "version: '3'\nx: &x\n  a: |\n    t\n  b: [1, \"two\\n\", ~]\nservices:\n  app:\n    <<: *x\n";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    (void)parse_yaml(text.substr(0, size), "file");
  }
}

}  // namespace
}  // namespace fairlead::config
