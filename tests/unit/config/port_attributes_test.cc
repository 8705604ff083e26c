#include "supervisor/config/port_attributes.h"

#include <gtest/gtest.h>

namespace fairlead::config {
namespace {

using Ports = std::vector<std::uint16_t>;

struct Outcome {
  AttributesByPort attributes;
  std::vector<std::string> warnings;
  std::string error;
};

Outcome read(const std::string& text) {
  Outcome outcome;
  auto parsed = parse_ports_attributes(Json::parse(text), outcome.warnings);
  if (parsed) {
    outcome.attributes = *parsed;
  } else {
    outcome.error = parsed.error().message();
  }
  return outcome;
}

TEST(PortsAttributes, ReadsWhatIsSaidOfAPort) {
  const Outcome outcome =
      read(R"({"3000":{"label":"web","protocol":"https","onAutoForward":"silent"},"80":{}})");
  EXPECT_EQ(outcome.error, "");
  EXPECT_TRUE(outcome.warnings.empty());
  ASSERT_EQ(outcome.attributes.size(), 2U);
  EXPECT_EQ(outcome.attributes.at(3000), (PortAttributes{"web", "https", OnAutoForward::kSilent}));
  EXPECT_EQ(outcome.attributes.at(80), PortAttributes{});
}

TEST(PortsAttributes, KnowsEveryOnAutoForward) {
  const std::pair<const char*, OnAutoForward> cases[] = {
      {"notify", OnAutoForward::kNotify},          {"silent", OnAutoForward::kSilent},
      {"ignore", OnAutoForward::kIgnore},          {"openBrowser", OnAutoForward::kNotify},
      {"openBrowserOnce", OnAutoForward::kNotify}, {"openPreview", OnAutoForward::kNotify},
  };
  for (const auto& [text, value] : cases) {
    const Outcome outcome = read(std::string(R"({"3000":{"onAutoForward":")") + text + "\"}}");
    EXPECT_EQ(outcome.attributes.at(3000).on_auto_forward, value) << text;
    const bool opens = std::string(text).starts_with("open");
    ASSERT_EQ(outcome.warnings.size(), opens ? 1U : 0U) << text;
    if (opens) {
      EXPECT_NE(outcome.warnings[0].find("3000"), std::string::npos);
    }
  }
}

TEST(PortsAttributes, SkipsKeysThatAreNoExactNumberWithAWarning) {
  for (const char* key : {"3000-3010", "localhost:3000", ".*server.*", "2999x-3000", "0", "65536",
                          "-1", " 3000", "3000 ", "+3000", "", "(["}) {
    const Outcome outcome =
        read("{" + Json(key).dump() + R"(:{"label":"x"},"4000":{"label":"y"}})");
    EXPECT_EQ(outcome.error, "") << key;
    EXPECT_EQ(outcome.attributes.size(), 1U) << key;
    EXPECT_EQ(outcome.attributes.at(4000).label, "y");
    ASSERT_EQ(outcome.warnings.size(), 1U) << key;
    EXPECT_NE(outcome.warnings[0].find(std::string("\"") + key + "\""), std::string::npos)
        << outcome.warnings[0];
  }
}

TEST(PortsAttributes, WarnsOfWhatHasNoEffectYet) {
  for (const char* name : {"requireLocalPort", "elevateIfNeeded"}) {
    Outcome outcome = read(std::string(R"({"3000":{")") + name + "\":true}}");
    ASSERT_EQ(outcome.warnings.size(), 1U) << name;
    EXPECT_NE(outcome.warnings[0].find(name), std::string::npos) << outcome.warnings[0];
    outcome = read(std::string(R"({"3000":{")") + name + "\":false}}");
    EXPECT_TRUE(outcome.warnings.empty()) << name;
  }
}

TEST(PortsAttributes, IgnoresUnknownProperties) {
  const Outcome outcome = read(R"({"3000":{"label":"x","color":{"deep":[1]}}})");
  EXPECT_EQ(outcome.attributes.at(3000).label, "x");
  EXPECT_TRUE(outcome.warnings.empty());
}

TEST(PortsAttributes, ErrorsNameThePropertyAndTheValue) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"[]", "portsAttributes", "[]"},
      {"null", "portsAttributes", "null"},
      {"\"3000\"", "portsAttributes", "\"3000\""},
      {R"({"3000":"web"})", "portsAttributes[\"3000\"]", "\"web\""},
      {R"({"3000":null})", "portsAttributes[\"3000\"]", "null"},
      {R"({"3000":{"label":7}})", "portsAttributes[\"3000\"].label", "7"},
      {R"({"3000":{"label":null}})", "portsAttributes[\"3000\"].label", "null"},
      {R"({"3000":{"protocol":"ftp"}})", "portsAttributes[\"3000\"].protocol", "\"ftp\""},
      {R"({"3000":{"protocol":["http"]}})", "portsAttributes[\"3000\"].protocol", "[\"http\"]"},
      {R"({"3000":{"onAutoForward":"loud"}})", "portsAttributes[\"3000\"].onAutoForward",
       "\"loud\""},
      {R"({"3000":{"onAutoForward":true}})", "portsAttributes[\"3000\"].onAutoForward", "true"},
      {R"({"3000":{"requireLocalPort":"yes"}})", "portsAttributes[\"3000\"].requireLocalPort",
       "\"yes\""},
      {R"({"3000":{"elevateIfNeeded":1}})", "portsAttributes[\"3000\"].elevateIfNeeded", "1"},
      {R"({"3000-3010":{"label":7}})", "portsAttributes[\"3000-3010\"].label", "7"},
  };
  for (const auto& [text, property, value] : cases) {
    const Outcome outcome = read(text);
    EXPECT_NE(outcome.error.find(property), std::string::npos) << text << " -> " << outcome.error;
    EXPECT_NE(outcome.error.find(std::string("not ") + value), std::string::npos)
        << text << " -> " << outcome.error;
  }
}

TEST(PortsAttributes, ErrorsStayShort) {
  const std::string endless(1U << 16, 'x');
  EXPECT_LT(read(R"({"3000":{"protocol":")" + endless + "\"}}").error.size(), 300U);
  EXPECT_LT(read("{\"" + endless + "\":7}").error.size(), 300U);
}

TEST(PortAttributes, SurviveTheirJson) {
  for (const PortAttributes& attributes :
       {PortAttributes{}, PortAttributes{"web", {}, {}}, PortAttributes{{}, "https", {}},
        PortAttributes{"a \"b\"", "http", OnAutoForward::kIgnore},
        PortAttributes{"", {}, OnAutoForward::kSilent},
        PortAttributes{{}, {}, OnAutoForward::kNotify}}) {
    EXPECT_EQ(attributes_from_json(to_json(attributes)), attributes);
  }
}

TEST(PortAttributes, NonsenseReadsAsNothingSaid) {
  for (const char* text : {"null", "[]", "7", R"({"label":7})", R"({"protocol":"x"})"}) {
    EXPECT_EQ(attributes_from_json(Json::parse(text)), PortAttributes{}) << text;
  }
}

TEST(UrlScheme, IsHttpExceptForWellKnownOthers) {
  for (const std::uint16_t port : Ports{80, 443, 3000, 5173, 8080, 24, 26, 5433, 65535}) {
    EXPECT_EQ(url_scheme(port, {}), "http") << port;
  }
  for (const std::uint16_t port :
       Ports{21,   22,   23,   25,   53,   110,  143,  389,  465,  587,  636,  993,   995,
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
