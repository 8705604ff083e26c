// Which attributes a port gets, and by which key.
#include "supervisor/config/ports_attributes.h"

#include <gtest/gtest.h>

#include <chrono>

namespace fairlead::config {
namespace {

struct Outcome {
  PortsAttributes all;
  std::vector<std::string> warnings;
  std::string error;
};

Outcome read(const std::string& ports, const std::string& other = "") {
  Outcome outcome;
  const Json ports_json = parse_json(ports).value_or(Json());
  const Json other_json = other.empty() ? Json() : Json::parse(other);
  auto parsed =
      PortsAttributes::parse(&ports_json, other.empty() ? nullptr : &other_json, outcome.warnings);
  if (parsed) {
    outcome.all = *parsed;
  } else {
    outcome.error = parsed.error().message();
  }
  return outcome;
}

// {"label":"web"} by {"label":"3000"}, written as "label=web(3000)"; sorted by attribute.
std::string matched(const PortsAttributes& all, std::uint16_t port, const std::string& host = "",
                    const std::string& command_line = "") {
  const PortsAttributes::Match match = all.match(port, host, command_line);
  const Json values = to_json(match.attributes);
  EXPECT_EQ(values.size(), match.keys.size());
  std::string text;
  for (const auto& [attribute, key] : match.keys) {
    const Json& value = values.at(attribute);
    text += (text.empty() ? "" : " ") + attribute + "=" +
            (value.is_string() ? value.get<std::string>() : value.dump()) + "(" + key + ")";
  }
  return text;
}

TEST(PortsAttributes, AnExactNumberWinsAttributeByAttribute) {
  const PortsAttributes all = read(R"({
      "3000-3010":{"label":"range","protocol":"https","onAutoForward":"silent",
                   "requireLocalPort":true,"elevateIfNeeded":true},
      "3000":{"label":"web","elevateIfNeeded":false}})")
                                  .all;
  EXPECT_EQ(matched(all, 3000),
            "elevateIfNeeded=false(3000) label=web(3000) onAutoForward=silent(3000-3010) "
            "protocol=https(3000-3010) requireLocalPort=true(3000-3010)");
  EXPECT_EQ(matched(all, 3010),
            "elevateIfNeeded=true(3000-3010) label=range(3000-3010) "
            "onAutoForward=silent(3000-3010) protocol=https(3000-3010) "
            "requireLocalPort=true(3000-3010)");
  EXPECT_EQ(matched(all, 2999), "");
  EXPECT_EQ(matched(all, 3011), "");
}

TEST(PortsAttributes, OfOverlappingRangesTheLowerStartFillsFirst) {
  const PortsAttributes all = read(R"({
      "3005-3020":{"label":"late","protocol":"http"},
      "3000-3010":{"label":"early"},
      "3000-3030":{"label":"second","onAutoForward":"ignore"}})")
                                  .all;
  EXPECT_EQ(matched(all, 3007),
            "label=early(3000-3010) onAutoForward=ignore(3000-3030) protocol=http(3005-3020)");
  EXPECT_EQ(matched(all, 3015),
            "label=second(3000-3030) onAutoForward=ignore(3000-3030) protocol=http(3005-3020)");
  EXPECT_EQ(matched(all, 3004), "label=early(3000-3010) onAutoForward=ignore(3000-3030)");
}

TEST(PortsAttributes, AnExpressionIsSearchedInTheCommandLine) {
  const PortsAttributes all =
      read(R"({"server\\.js$":{"label":"node"},"^python3? ":{"label":"python"}})").all;
  EXPECT_TRUE(all.has_expressions());
  EXPECT_EQ(matched(all, 41234, "", "node /app/server.js"), "label=node(server\\.js$)");
  EXPECT_EQ(matched(all, 41234, "", "node /app/serverxjs"), "");
  EXPECT_EQ(matched(all, 41234, "", "python -m http.server"), "label=python(^python3? )");
  EXPECT_EQ(matched(all, 41234, "", "/usr/bin/python -m http.server"), "");
  EXPECT_EQ(matched(all, 41234, "", "Python -m http.server"), "") << "case counts";
  EXPECT_EQ(matched(all, 41234), "") << "no command line, no match";
  EXPECT_FALSE(read(R"({"3000":{},"3000-3001":{},"db:1":{}})").all.has_expressions());
}

TEST(PortsAttributes, ExpressionsFillLastInTheFilesOrder) {
  const PortsAttributes all = read(R"({
      "node":{"label":"first","protocol":"http","onAutoForward":"silent"},
      "server":{"label":"second","requireLocalPort":true},
      "3000-3010":{"protocol":"https"},
      "3000":{"onAutoForward":"notify"}})")
                                  .all;
  EXPECT_EQ(matched(all, 3000, "", "node server"),
            "label=first(node) onAutoForward=notify(3000) protocol=https(3000-3010) "
            "requireLocalPort=true(server)");
}

TEST(PortsAttributes, ReadsExpressionsAsJavaScriptDoes) {
  const std::tuple<const char*, const char*, bool> cases[] = {
      {".", "\\n", false},
      {"^b", "a\\nb", false},
      {"a$", "a\\nb", false},
      {"a.c", "abc", true},
      {"\\\\d{4}", "p 3000", true},
      {"(?:x|y)z", "yz", true},
      {"(?<n>a)b", "ab", true},
      {"a(?=b)", "ab", true},
      {"a(?!b)", "ab", false},
      {"[\\\\w-]+", "a-b", true},
      {"\\\\bnode\\\\b", "nodes", false},
      {".+\\\\/server", "a/server", true},
  };
  for (const auto& [expression, line, hit] : cases) {
    const auto all = read(std::string("{\"") + expression + R"(":{"label":"x"}})");
    EXPECT_TRUE(all.warnings.empty()) << expression;
    const std::string text = Json::parse(std::string("\"") + line + "\"").get<std::string>();
    EXPECT_EQ(!matched(all.all, 1, "", text).empty(), hit) << expression << " in " << line;
  }
}

TEST(PortsAttributes, AnInvalidExpressionIsAWarningAndTheOthersCount) {
  for (const char* bad : {"(", "[a", "a{2,1}", "*a", "(?<a", "a)"}) {
    const Outcome outcome =
        read(std::string("{\"") + bad + R"(":{"label":"bad"},"node":{"label":"good"}})");
    EXPECT_EQ(outcome.error, "");
    ASSERT_EQ(outcome.warnings.size(), 1U) << bad;
    EXPECT_NE(outcome.warnings[0].find(std::string("portsAttributes[\"") + bad + "\"]"),
              std::string::npos)
        << outcome.warnings[0];
    EXPECT_EQ(matched(outcome.all, 3000, "", "node ( [a"), "label=good(node)");
  }
}

TEST(PortsAttributes, AnAlmostRangeIsAnExpression) {
  const PortsAttributes all = read(R"({"2999x-3000":{"label":"x"}})").all;
  EXPECT_EQ(matched(all, 2999), "");
  EXPECT_EQ(matched(all, 3000), "");
  EXPECT_EQ(matched(all, 80, "", "run 2999x-3000"), "label=x(2999x-3000)");
  for (const char* key : {"3000-", "-3000", "3000-3001-3002", "3000 - 3001", "0x10", "+3000"}) {
    const Outcome outcome = read(std::string("{\"") + key + R"(":{"label":"x"}})");
    EXPECT_EQ(matched(outcome.all, 3000), "") << key;
  }
}

TEST(PortsAttributes, HostAndPortStandBesideTheNumber) {
  const PortsAttributes all = read(R"({
      "5432":{"label":"own"},"db:5432":{"label":"database","onAutoForward":"silent"},
      "cache:5432":{"label":"cache"},"5000-6000":{"protocol":"http"},
      "my_db.internal:5432":{"label":"mine"}})")
                                  .all;
  EXPECT_EQ(matched(all, 5432), "label=own(5432) protocol=http(5000-6000)");
  EXPECT_EQ(matched(all, 5432, "localhost"), "label=own(5432) protocol=http(5000-6000)");
  EXPECT_EQ(matched(all, 5432, "db"), "label=database(db:5432) onAutoForward=silent(db:5432)");
  EXPECT_EQ(matched(all, 5432, "cache"), "label=cache(cache:5432)");
  EXPECT_EQ(matched(all, 5432, "my_db.internal"), "label=mine(my_db.internal:5432)");
  EXPECT_EQ(matched(all, 5432, "other"), "");
  EXPECT_EQ(matched(all, 5433, "db"), "");
}

TEST(PortsAttributes, LocalhostIsTheContainerItself) {
  const PortsAttributes all = read(R"({
      "localhost:3000":{"label":"a","protocol":"http"},"3000":{"label":"b"},
      "127.0.0.1:4000":{"label":"c"},"2000-5000":{"protocol":"https"}})")
                                  .all;
  EXPECT_EQ(matched(all, 3000), "label=b(3000) protocol=https(2000-5000)");
  EXPECT_EQ(matched(all, 4000), "label=c(127.0.0.1:4000) protocol=https(2000-5000)");
  EXPECT_EQ(matched(all, 3000, "db"), "");
}

TEST(PortsAttributes, OtherAppliesWholeAndOnlyIfNothingMatches) {
  const PortsAttributes all =
      read(R"({"3000":{"label":"web"},"4000":{},"node":{"protocol":"http"}})",
           R"({"label":"other","onAutoForward":"ignore"})")
          .all;
  EXPECT_EQ(matched(all, 3000), "label=web(3000)") << "nothing of the others is mixed in";
  EXPECT_EQ(matched(all, 5000, "", "node x"), "protocol=http(node)");
  const std::string whole =
      "label=other(otherPortsAttributes) "
      "onAutoForward=ignore(otherPortsAttributes)";
  EXPECT_EQ(matched(all, 5000), whole);
  EXPECT_EQ(matched(all, 5000, "db"), whole);
  EXPECT_EQ(matched(all, 4000), whole) << "a key that says nothing is none";
}

TEST(PortsAttributes, StrangeNumbersAreWhatTheyAreInVsCode) {
  struct Case {
    const char* key;
    std::size_t warnings;
    std::vector<std::uint16_t> ports;  // that match without a command line
    bool expression;
  };
  const Case cases[] = {
      {"03000", 0, {3000}, false},
      {"0", 0, {}, true},
      {"70000", 1, {}, false},
      {"99999999999999999999", 1, {}, false},
      {"3010-3000", 1, {}, false},
      {"3000-3000", 0, {3000}, false},
      {"3000-99999", 0, {3000, 65535}, false},
      {"0-3000", 0, {1, 3000}, false},
      {"db:0", 0, {}, false},
      {"db:123456", 0, {}, true},
      {":3000", 0, {}, true},
      {"", 0, {}, true},
  };
  for (const Case& one : cases) {
    const Outcome outcome = read(std::string("{\"") + one.key + R"(":{"label":"x"}})");
    EXPECT_EQ(outcome.error, "") << one.key;
    EXPECT_EQ(outcome.warnings.size(), one.warnings) << one.key;
    EXPECT_EQ(outcome.all.has_expressions(), one.expression) << one.key;
    for (const std::uint16_t port : std::vector<std::uint16_t>{1, 3000, 65535}) {
      const bool wanted = std::find(one.ports.begin(), one.ports.end(), port) != one.ports.end();
      EXPECT_EQ(!matched(outcome.all, port).empty(), wanted) << one.key << " " << port;
    }
  }
}

TEST(PortsAttributes, ErrorsNameThePropertyAndTheValue) {
  const std::tuple<const char*, const char*, const char*, const char*> cases[] = {
      {"[]", "", "portsAttributes", "[]"},
      {"\"3000\"", "", "portsAttributes", "\"3000\""},
      {R"({"3000":"web"})", "", "portsAttributes[\"3000\"]", "\"web\""},
      {R"({"3000-3010":{"label":7}})", "", "portsAttributes[\"3000-3010\"].label", "7"},
      {R"({"(":{"label":7}})", "", "portsAttributes[\"(\"].label", "7"},
      {"{}", "[]", "otherPortsAttributes", "[]"},
      {"{}", R"({"protocol":"x"})", "otherPortsAttributes.protocol", "\"x\""},
  };
  for (const auto& [ports, other, property, value] : cases) {
    const std::string error = read(ports, other).error;
    EXPECT_NE(error.find(property), std::string::npos) << ports << other << " -> " << error;
    EXPECT_NE(error.find(std::string("not ") + value), std::string::npos) << error;
  }
}

TEST(PortsAttributes, KeysAndExpressionsAreBounded) {
  std::string many = "{";
  for (std::size_t i = 0; i <= kMaxAttributeKeys; ++i) {
    many += (i == 0 ? "\"" : ",\"") + std::to_string(i + 1) + "\":{}";
  }
  EXPECT_NE(read(many + "}").error.find("portsAttributes"), std::string::npos);
  std::string expressions = "{";
  for (std::size_t i = 0; i <= kMaxExpressions; ++i) {
    expressions += (i == 0 ? "\"x" : ",\"x") + std::to_string(i) + "\":{}";
  }
  EXPECT_EQ(read(expressions + "}").warnings.size(), 1U);
  const Outcome endless = read("{\"" + std::string(1U << 16, 'x') + "\":{}}");
  ASSERT_EQ(endless.warnings.size(), 1U);
  EXPECT_LT(endless.warnings[0].size(), 400U);
}

TEST(PortsAttributes, CostlyExpressionsMatchNothingAndTakeNoTime) {
  const auto began = std::chrono::steady_clock::now();
  const std::string line(30'000, 'a');
  for (const char* costly : {"(a+)+$b", "(a|aa)+b", "(.*)*(.*)*(.*)*x", "a*a*a*a*a*a*a*b",
                             "(?:(?:(?:a*)*)*)*b", "(a?){50}(a?){50}b"}) {
    const auto all = read(std::string("{\"") + costly + R"(":{"label":"x"}})").all;
    EXPECT_EQ(matched(all, 3000, "", line), "") << costly;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

TEST(PortsAttributes, SurviveTheirJson) {
  const PortsAttributes all = read(R"({
      "server":{"label":"b"},"3005-3006":{"label":"a"},"3000":{"onAutoForward":"openPreview"},
      "03000":{"elevateIfNeeded":true},"db:1":{"protocol":"http"},"a":{"label":"c"}})",
                                   R"({"requireLocalPort":true})")
                                  .all;
  const auto again = PortsAttributes::from_json(Json::parse(all.to_json().dump()));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(*again, all);
  EXPECT_EQ(again->to_json(), all.to_json());
  EXPECT_EQ(matched(*again, 9, "", "a server"), "label=b(server)") << "the order stays";
  EXPECT_TRUE(PortsAttributes::from_json(PortsAttributes().to_json())->empty());
}

TEST(PortsAttributes, EqualityIsOfEverything) {
  const std::string base = R"({"3000":{"label":"a"},"1-2":{},"x":{}})";
  EXPECT_EQ(read(base).all, read(base).all);
  for (const char* other :
       {"{}", R"({"3000":{"label":"b"},"1-2":{},"x":{}})",
        R"({"3000":{"label":"a"},"1-3":{},"x":{}})", R"({"3000":{"label":"a"},"1-2":{},"y":{}})"}) {
    EXPECT_FALSE(read(base).all == read(other).all) << other;
  }
  EXPECT_FALSE(read(base).all == read(base, "{}").all);
}

TEST(PortsAttributes, RefuseNonsenseOfAPeer) {
  for (const char* text : {"null", "[]", "7", R"({"ports":[]})", R"({"ports":{"1":7}})",
                           R"({"other":[]})", R"({"other":{"label":1}})"}) {
    EXPECT_FALSE(PortsAttributes::from_json(Json::parse(text))) << text;
  }
  EXPECT_TRUE(PortsAttributes::from_json(Json::object()));
}

TEST(PortsAttributes, OfTheContainersOwnNameAreItsOwn) {
  const Json ports = Json::parse(R"({"app:3000":{"label":"own"},"db:3000":{"label":"db"}})");
  std::vector<std::string> warnings;
  const auto attributes = PortsAttributes::parse(&ports, nullptr, warnings);
  ASSERT_TRUE(attributes);
  EXPECT_EQ(attributes->match(3000, "", "", "app").attributes.label, "own");
  EXPECT_EQ(attributes->match(3000, "", "").attributes.label, std::nullopt);
  EXPECT_EQ(attributes->match(3000, "db", "", "app").attributes.label, "db");
  EXPECT_EQ(attributes->match(3000, "app", "").attributes.label, "own");
}

}  // namespace
}  // namespace fairlead::config
