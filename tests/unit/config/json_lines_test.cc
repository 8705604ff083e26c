#include "supervisor/config/json_lines.h"

#include <gtest/gtest.h>

namespace fairlead::config {
namespace {

std::string found(const std::string& text, const PropertyPath& path) {
  const auto at = find_property(text, path);
  return at ? std::to_string(at->line) + ":" + std::to_string(at->column) : "none";
}

constexpr const char* kText = R"(// first
{
  "image": "alpine", // "forwardPorts": no
  /* "image": */ "ports": [ 1,
    2, /* , */ 3,
  ],
  "attributes": {"3000": {"label": "}"}, "4000": {
      "label": 7
  },},
  "last": null,
}
)";

TEST(JsonLines, FindsKeysAndElements) {
  const std::pair<PropertyPath, const char*> cases[] = {
      {{}, "2:1"},
      {{"image"}, "3:3"},
      {{"ports"}, "4:18"},
      {{"ports", 0U}, "4:29"},
      {{"ports", 1U}, "5:5"},
      {{"ports", 2U}, "5:16"},
      {{"ports", 3U}, "none"},
      {{"attributes", "3000", "label"}, "7:27"},
      {{"attributes", "4000"}, "7:42"},
      {{"attributes", "4000", "label"}, "8:7"},
      {{"last"}, "10:3"},
      {{"nothing"}, "none"},
      {{"image", "deeper"}, "none"},
      {{"ports", "0"}, "none"},
      {{"attributes", 0U}, "none"},
  };
  for (const auto& [path, place] : cases) EXPECT_EQ(found(kText, path), place) << to_text(path);
}

TEST(JsonLines, OfEqualKeysTheLastCounts) {
  const std::string text = "{\"a\": {\"b\": 1},\n\"a\": {\"b\": 2,\n\"b\": 3}}";
  EXPECT_EQ(found(text, {"a"}), "2:1");
  EXPECT_EQ(found(text, {"a", "b"}), "3:1");
  EXPECT_EQ(found("{\"a\":{\"b\":1},\n\"a\":2}", {"a", "b"}), "none");
}

TEST(JsonLines, DecodesEscapedKeys) {
  EXPECT_EQ(found("{\n\"\\u0061\\\"b\": 1}", {"a\"b"}), "2:1");
  EXPECT_EQ(found("{\"a\\\\\": 1,\n\"b\": 2}", {"b"}), "2:1");
}

TEST(JsonLines, SkipsAByteOrderMark) { EXPECT_EQ(found("\xEF\xBB\xBF{\n\"a\": 1}", {"a"}), "2:1"); }

TEST(JsonLines, AnyTextComesToAnEnd) {
  std::uint32_t random = 4711;
  const std::string alphabet = "{}[]\",:/*\\\n 1a";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (int j = 0; j < 24; ++j) {
      random = random * 1664525 + 1013904223;
      text += alphabet[(random >> 16) % alphabet.size()];
    }
    EXPECT_NO_THROW({
      (void)find_property(text, {"a", "a"});
      (void)find_property(text, {0U, "a", 1U});
    }) << text;
  }
  for (const char* text : {"", "{", "[", "{\"a", "{\"a\":", "/*", "//", "\"", "{\"a\":[1,"}) {
    EXPECT_NO_THROW((void)find_property(text, {"a", 5U})) << text;
  }
}

TEST(JsonLines, LongTextsTakeNoLongTime) {
  std::string text = "{";
  for (int i = 0; i < 50'000; ++i) text += "\"k" + std::to_string(i) + "\":[],\n";
  EXPECT_EQ(found(text + "\"z\":1}", {"z"}), "50001:1");
}

TEST(Located, NamesFileLineAndProperty) {
  const Mistake mistake = wrong({"ports", 1U}, "a port", Json(70000));
  EXPECT_EQ(located(mistake, "/f.json", kText).message(),
            "/f.json:5:5: ports[1] must be a port, not 70000");
  EXPECT_EQ(located(mistake, "/f.json", "{}").message(),
            "/f.json: ports[1] must be a port, not 70000");
}

TEST(Property, IsWrittenAsJavaScriptWould) {
  const std::pair<PropertyPath, const char*> cases[] = {
      {{"image"}, "image"},
      {{"a", "b"}, "a.b"},
      {{"a", 0U, "b"}, "a[0].b"},
      {{"portsAttributes", "3000", "label"}, "portsAttributes[\"3000\"].label"},
      {{"a", ""}, "a[\"\"]"},
      {{"a", "x-y"}, "a[\"x-y\"]"},
      {{"a", "q\"\n"}, "a[\"q\\\"\\n\"]"},
  };
  for (const auto& [path, text] : cases) EXPECT_EQ(to_text(path), text);
  EXPECT_LT(to_text(PropertyPath{"a", std::string(5000, 'k')}).size(), 120U);
}

TEST(Mistakes, AreShortAndWholeCharacters) {
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "\xc3\xbc";
  const std::string text = to_text(wrong({"a"}, "b", Json(umlauts)));
  EXPECT_LT(text.size(), 200U);
  EXPECT_NO_THROW((void)Json(text).dump());
  EXPECT_NO_THROW((void)to_text(wrong({"a"}, "b", Json(std::string("\xff\xfe")))));
}

}  // namespace
}  // namespace fairlead::config
