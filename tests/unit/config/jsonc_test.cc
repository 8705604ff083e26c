#include "supervisor/config/jsonc.h"

#include <gtest/gtest.h>

namespace fairlead::config {
namespace {

using namespace std::string_literals;

std::string shown(const std::string& text) {
  const auto parsed = parse_jsonc(text, "f");
  return parsed ? parsed->dump() : parsed.error().message();
}

TEST(Jsonc, ReadsJson) {
  EXPECT_EQ(shown(R"({"a":[1,true,null,"x",{"b":-1.5}]})"),
            R"({"a":[1,true,null,"x",{"b":-1.5}]})");
  EXPECT_EQ(shown(" \t\r\n7 \n"), "7");
}

TEST(Jsonc, KeepsTheOrderOfKeys) {
  EXPECT_EQ(shown(R"({"z":1,"a":2,"m":3})"), R"({"z":1,"a":2,"m":3})");
}

TEST(Jsonc, IgnoresComments) {
  const std::pair<const char*, const char*> cases[] = {
      {"// first\n{}", "{}"},
      {"{} // last", "{}"},
      {"{} // last\n", "{}"},
      {"{}//", "{}"},
      {"/**/{}/**/", "{}"},
      {"/***/{}", "{}"},
      {"/* * / ** // */{}", "{}"},
      {"{\"a\": /* here */ 1, // there\n \"b\"/**/:/**/2}", R"({"a":1,"b":2})"},
      {"[1, // \"not a string\n 2]", "[1,2]"},
      {"[1, /* \" */ 2]", "[1,2]"},
      {"[1 /* /* not nested */, 2]", "[1,2]"},
      {"{\r\n// windows\r\n\"a\":1\r\n}", R"({"a":1})"},
      {"[1,//\n2//\n]", "[1,2]"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(shown(text), expected) << text;
}

TEST(Jsonc, ACommentSeparatesWhatItStandsBetween) {
  EXPECT_FALSE(parse_jsonc("[1/**/2]", "f"));
  EXPECT_FALSE(parse_jsonc("[tr/**/ue]", "f"));
}

TEST(Jsonc, AcceptsOneTrailingComma) {
  const std::pair<const char*, const char*> cases[] = {
      {"[1,]", "[1]"},
      {"{\"a\":1,}", R"({"a":1})"},
      {"[1 , ]", "[1]"},
      {"[1,\n]", "[1]"},
      {"[1,// why not\n]", "[1]"},
      {"[1,/* why */ /* not */]", "[1]"},
      {"[1/* before */,]", "[1]"},
      {"{\"a\":[1,],\"b\":{\"c\":2,},}", R"({"a":[1],"b":{"c":2}})"},
      {"[\"a\",]", R"(["a"])"},
      {"[\",]\",]", R"([",]"])"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(shown(text), expected) << text;
}

TEST(Jsonc, RefusesOtherSurplusCommas) {
  for (const char* text :
       {"[1,,]", "[1,,2]", "[,1]", "{,\"a\":1}", "1,", "[1],", "{\"a\",}", "{\"a\":,}", "[1,}"}) {
    EXPECT_FALSE(parse_jsonc(text, "f")) << text;
  }
}

TEST(Jsonc, LeavesStringsAlone) {
  const std::pair<const char*, const char*> cases[] = {
      {R"(["http://host/path"])", R"(["http://host/path"])"},
      {R"(["/* no comment */"])", R"(["/* no comment */"])"},
      {R"(["a\"// b"])", R"(["a\"// b"])"},
      {R"(["ends with \\"] // c)", R"(["ends with \\"])"},
      {R"(["\\\"/*", "*/"])", R"(["\\\"/*","*/"])"},
      {R"(["],}"])", R"(["],}"])"},
      {R"({"a//b": 1, "c/*": 2})", R"({"a//b":1,"c/*":2})"},
      {R"(["\u002f\u002F tab\t"])", R"(["// tab\t"])"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(shown(text), expected) << text;
}

TEST(Jsonc, AcceptsAByteOrderMarkAtTheBeginningOnly) {
  EXPECT_EQ(shown("\xEF\xBB\xBF{\"a\":1}"), R"({"a":1})");
  EXPECT_EQ(shown("\xEF\xBB\xBF// c\n{}"), "{}");
  EXPECT_FALSE(parse_jsonc("{}\xEF\xBB\xBF", "f"));
  EXPECT_FALSE(parse_jsonc("\xEF\xBB\xBF\xEF\xBB\xBF{}", "f"));
}

TEST(Jsonc, SaysWhereItStopsMakingSense) {
  const std::pair<const char*, const char*> cases[] = {
      {"x", "f:1:1: "},
      {"  x", "f:1:3: "},
      {"{\"a\" 1}", "f:1:6: "},
      {"{\n  \"a\": 1\n  \"b\": 2\n}", "f:3:"},
      {"{\n  \"a\": nope\n}", "f:2:"},
      {"[1,\n 2,\n x]", "f:3:2: "},
      {"/* one\n two */ x", "f:2:9: "},
      {"// one\n[1, x]", "f:2:5: "},
      {"[1,,2]", "f:1:4: "},
      {"\n\n\n]", "f:4:1: "},
      {"{\"a\":\"line\nbreak\"}", "f:1:"},
  };
  for (const auto& [text, where] : cases) {
    const std::string message = shown(text);
    EXPECT_TRUE(message.starts_with(where)) << text << " -> " << message;
    EXPECT_GT(message.size(), std::string(where).size() + 5) << "says nothing: " << message;
  }
}

TEST(Jsonc, NamesTheFile) {
  const auto parsed = parse_jsonc("[", "/some/devcontainer.json");
  ASSERT_FALSE(parsed);
  EXPECT_TRUE(parsed.error().message().starts_with("/some/devcontainer.json:1:"))
      << parsed.error().message();
}

TEST(Jsonc, SaysWhereSomethingBeginsThatNeverEnds) {
  const std::pair<const char*, const char*> cases[] = {
      {"{\"a\": \"open", "f:1:7: "},
      {"[\n\"open\\\"\n", "f:2:1: "},
      {"{} /* open", "f:1:4: "},
      {"[1,\n /* open *\n", "f:2:2: "},
      {"\"", "f:1:1: "},
      {"\"\\", "f:1:1: "},
      {"/*", "f:1:1: "},
      {"/*/", "f:1:1: "},
  };
  for (const auto& [text, where] : cases) {
    const std::string message = shown(text);
    EXPECT_TRUE(message.starts_with(where)) << text << " -> " << message;
    EXPECT_NE(message.find("never ends"), std::string::npos) << message;
  }
}

TEST(Jsonc, RefusesTextThatEndsEarly) {
  for (const char* text : {"", " ", "\n", "// only this", "{", "[", "{\"a\"", "{\"a\":", "[1,",
                           "[1", "tru", "-", "/", "{}/"}) {
    const auto parsed = parse_jsonc(text, "f");
    ASSERT_FALSE(parsed) << text;
    EXPECT_TRUE(parsed.error().message().starts_with("f:1:") ||
                parsed.error().message().starts_with("f:2:"))
        << parsed.error().message();
  }
}

TEST(Jsonc, RefusesWhatFollowsTheValue) {
  for (const char* text : {"{} {}", "1 2", "[]]", "{}}", "null x"}) {
    EXPECT_FALSE(parse_jsonc(text, "f")) << text;
  }
}

TEST(Jsonc, RefusesNestingThatIsTooDeep) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  EXPECT_TRUE(parse_jsonc(nested(kMaxNesting), "f"));
  const auto deep = parse_jsonc(nested(kMaxNesting + 1), "f");
  ASSERT_FALSE(deep);
  EXPECT_TRUE(deep.error().message().starts_with("f:1:201: ")) << deep.error().message();
  EXPECT_NE(deep.error().message().find("200"), std::string::npos) << deep.error().message();
  EXPECT_FALSE(parse_jsonc(nested(1'000'000), "f"));
  EXPECT_FALSE(parse_jsonc(std::string(1'000'000, '{'), "f"));
  // Brackets in strings and comments are no nesting; neither are many side by side.
  std::string flat = "[\"" + std::string(1000, '[') + "\"/*" + std::string(1000, '{') + "*/";
  for (int i = 0; i < 1000; ++i) flat += ",[]";
  EXPECT_TRUE(parse_jsonc(flat + "]", "f"));
}

TEST(Jsonc, RefusesMorePropertiesInOneObjectThanCanBeComparedWithEachOther) {
  const auto wide = [](std::size_t count) {
    std::string text = "{";
    for (std::size_t i = 0; i < count; ++i) text += "\"k" + std::to_string(i) + "\": \":\",";
    return text + "}";
  };
  EXPECT_TRUE(parse_jsonc(wide(kMaxProperties), "f"));
  const auto refused = parse_jsonc(wide(kMaxProperties + 1), "f");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("more than 4096 properties"), std::string::npos)
      << refused.error().message();
  // Each object counts for itself.
  EXPECT_TRUE(parse_jsonc("[" + wide(kMaxProperties) + "," + wide(kMaxProperties) + "]", "f"));
}

TEST(Jsonc, RefusesBinaryData) {
  for (const std::string& text :
       {"\0"s, "{\0}"s,
        "\x7f"
        "ELF\x02\x01"s,
        "\xff\xfe{\0}\0"s, "[\"\xff\xff\"]"s, "[\"\xc3\"]"s, "{\"a\":1}\0"s, "\x1f\x8b\x08"s}) {
    const auto parsed = parse_jsonc(text, "f");
    EXPECT_FALSE(parsed);
    if (!parsed) {
      EXPECT_TRUE(parsed.error().message().starts_with("f:1:")) << parsed.error().message();
    }
  }
}

TEST(Jsonc, NeverThrowsWhateverTheBytes) {
  std::uint32_t random = 12345;
  const std::string alphabet = "{}[]\",:/*\\\n 1eE+-.tfn\x80\xc3\xa9";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (int j = 0; j < 24; ++j) {
      random = random * 1664525 + 1013904223;
      text += alphabet[(random >> 16) % alphabet.size()];
    }
    EXPECT_NO_THROW({ (void)parse_jsonc(text, "f"); }) << text;
  }
}

TEST(Jsonc, SaysThatANumberIsTooBig) {
  for (const char* text : {"[1e999]", "[-1e999]", "{\"a\": 1e400}"}) {
    EXPECT_NO_THROW({
      const auto parsed = parse_jsonc(text, "f");
      ASSERT_FALSE(parsed) << text;
      EXPECT_TRUE(parsed.error().message().starts_with("f:1:")) << parsed.error().message();
    }) << text;
  }
}

TEST(Jsonc, KeepsUnicode) {
  EXPECT_EQ(shown("[\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x99\x82 \\ud83d\\ude42\"]"),
            "[\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x99\x82 \xf0\x9f\x99\x82\"]");
}

}  // namespace
}  // namespace fairlead::config
