#include "supervisor/config/port_attributes.h"

#include <gtest/gtest.h>

namespace fairlead::config {
namespace {

using Numbers = std::vector<std::uint16_t>;

struct AttributesOfOne {
  PortAttributes attributes;
  std::string error;
};

AttributesOfOne read_one(const std::string& text) {
  AttributesOfOne outcome;
  const auto mistake =
      read_port_attributes(Json::parse(text), {"portsAttributes", "3000"}, outcome.attributes);
  if (mistake) outcome.error = to_text(*mistake);
  return outcome;
}

TEST(PortAttributes, ReadsWhatIsSaid) {
  const AttributesOfOne outcome = read_one(
      R"({"label":"web","protocol":"https","onAutoForward":"silent","requireLocalPort":true,
          "elevateIfNeeded":false})");
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.attributes,
            (PortAttributes{"web", "https", OnAutoForward::kSilent, true, false}));
  EXPECT_EQ(read_one("{}").attributes, PortAttributes{});
}

TEST(PortAttributes, KnowsEveryOnAutoForward) {
  const std::pair<const char*, OnAutoForward> cases[] = {
      {"notify", OnAutoForward::kNotify},
      {"openBrowser", OnAutoForward::kOpenBrowser},
      {"openBrowserOnce", OnAutoForward::kOpenBrowserOnce},
      {"openPreview", OnAutoForward::kOpenPreview},
      {"silent", OnAutoForward::kSilent},
      {"ignore", OnAutoForward::kIgnore},
  };
  for (const auto& [name, value] : cases) {
    const AttributesOfOne outcome = read_one(std::string(R"({"onAutoForward":")") + name + "\"}");
    EXPECT_EQ(outcome.attributes.on_auto_forward, value) << name;
    EXPECT_STREQ(name_of(value), name);
  }
}

TEST(PortAttributes, IgnoresUnknownProperties) {
  const AttributesOfOne outcome = read_one(R"({"label":"x","color":{"deep":[1]}})");
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.attributes.label, "x");
}

TEST(PortAttributes, ErrorsNameThePropertyAndTheValue) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {R"("web")", "portsAttributes[\"3000\"]", "\"web\""},
      {"null", "portsAttributes[\"3000\"]", "null"},
      {R"({"label":7})", "portsAttributes[\"3000\"].label", "7"},
      {R"({"label":null})", "portsAttributes[\"3000\"].label", "null"},
      {R"({"protocol":"ftp"})", "portsAttributes[\"3000\"].protocol", "\"ftp\""},
      {R"({"protocol":["http"]})", "portsAttributes[\"3000\"].protocol", "[\"http\"]"},
      {R"({"onAutoForward":"loud"})", "portsAttributes[\"3000\"].onAutoForward", "\"loud\""},
      {R"({"onAutoForward":true})", "portsAttributes[\"3000\"].onAutoForward", "true"},
      {R"({"requireLocalPort":"yes"})", "portsAttributes[\"3000\"].requireLocalPort", "\"yes\""},
      {R"({"elevateIfNeeded":1})", "portsAttributes[\"3000\"].elevateIfNeeded", "1"},
  };
  for (const auto& [text, property, value] : cases) {
    const std::string error = read_one(text).error;
    EXPECT_TRUE(error.starts_with(property)) << text << " -> " << error;
    EXPECT_NE(error.find(std::string("not ") + value), std::string::npos) << error;
  }
}

TEST(PortAttributes, ErrorsStayShort) {
  const std::string endless(1U << 16, 'x');
  EXPECT_LT(read_one(R"({"protocol":")" + endless + "\"}").error.size(), 300U);
}

TEST(PortAttributes, SurviveTheirJson) {
  for (const PortAttributes& attributes :
       {PortAttributes{}, PortAttributes{"web", {}, {}, {}, {}},
        PortAttributes{{}, "https", {}, true, false},
        PortAttributes{"a \"b\"", "http", OnAutoForward::kIgnore, false, true},
        PortAttributes{"", {}, OnAutoForward::kOpenBrowserOnce, {}, {}},
        PortAttributes{{}, {}, OnAutoForward::kNotify, {}, true}}) {
    EXPECT_EQ(attributes_from_json(to_json(attributes)), attributes);
  }
}

TEST(PortAttributes, NonsenseReadsAsNothingSaid) {
  for (const char* text : {"null", "[]", "7", R"({"label":7})", R"({"protocol":"x"})"}) {
    EXPECT_EQ(attributes_from_json(Json::parse(text)), PortAttributes{}) << text;
  }
}

TEST(UrlScheme, IsHttpExceptForWellKnownOthers) {
  for (const std::uint16_t port : Numbers{80, 443, 3000, 5173, 8080, 24, 26, 5433, 65535}) {
    EXPECT_EQ(url_scheme(port, {}), "http") << port;
  }
  for (const std::uint16_t port :
       Numbers{21,   22,   23,   25,   53,   110,  143,  389,  465,  587,  636,  993,   995,
               1433, 1521, 2181, 3306, 4222, 5432, 5672, 6379, 6432, 9042, 9092, 11211, 27017}) {
    EXPECT_EQ(url_scheme(port, {}), std::nullopt) << port;
  }
}

TEST(UrlScheme, IsWhatTheConfigurationSays) {
  PortAttributes attributes;
  attributes.protocol = "https";
  EXPECT_EQ(url_scheme(3000, attributes), "https");
  EXPECT_EQ(url_scheme(5432, attributes), "https");
  attributes.protocol = "http";
  EXPECT_EQ(url_scheme(22, attributes), "http");
}

}  // namespace
}  // namespace fairlead::config
