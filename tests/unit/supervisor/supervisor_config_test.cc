#include "supervisor/daemon/supervisor_config.h"

#include <gtest/gtest.h>

namespace fairlead::daemon {
namespace {

using config::Json;

SupervisorConfig sample() {
  SupervisorConfig config;
  config.state_path = "/state";
  config.engine_endpoint = "/run/engine.sock";
  config.container_id = "abc";
  config.container_name = "box";
  config.workspace = "container:abc";
  config.log_level = "debug";
  config.log_format = "json";
  config.rules.declared = {{3000, "", 8080}, {5432, "db", 0}};
  const Json ports = Json::parse(
      R"({"3000":{"label":"web","protocol":"https","onAutoForward":"silent"},"1":{},
          "4000-4010":{"requireLocalPort":true},"db:5432":{"label":"db"},"\\.js$":{"label":"js"}})");
  const Json other = Json::parse(R"({"onAutoForward":"ignore"})");
  std::vector<std::string> warnings;
  config.rules.attributes = *config::PortsAttributes::parse(&ports, &other, warnings);
  config.rules.max_auto_forwards = 7;
  return config;
}

TEST(SupervisorConfig, SurvivesItsJson) {
  const SupervisorConfig before = sample();
  const auto after = config_from_json(Json::parse(to_json(before).dump()));
  ASSERT_TRUE(after) << after.error().message();
  EXPECT_EQ(after->state_path, before.state_path);
  EXPECT_EQ(after->engine_endpoint, before.engine_endpoint);
  EXPECT_EQ(after->container_id, before.container_id);
  EXPECT_EQ(after->container_name, before.container_name);
  EXPECT_EQ(after->workspace, before.workspace);
  EXPECT_EQ(after->log_level, before.log_level);
  EXPECT_EQ(after->log_format, before.log_format);
  EXPECT_EQ(after->rules.declared, before.rules.declared);
  EXPECT_EQ(after->rules.attributes, before.rules.attributes);
  EXPECT_EQ(after->rules.max_auto_forwards, before.rules.max_auto_forwards);
}

TEST(SupervisorConfig, WritesTheRulesOfTheProtocol) {
  ForwardingRules rules;
  rules.nat = {true, {{3000, false}}};
  rules.declared = {{3000, "", 0}};
  rules.attributes =
      *config::PortsAttributes::from_json(Json::parse(R"({"ports":{"3000":{"label":"web"}}})"));
  EXPECT_EQ(
      to_json(rules).dump(),
      R"({"declared":[{"port":3000,"service":"","wished":0}],)"
      R"("attributes":{"ports":[["3000",{"label":"web"}]]},"hostPorts":[],)"
      R"("maxAutoForwards":64,"relay":"auto","removed":[],"configFile":"",)"
      R"("service":"","ownService":"","nat":true,"natPorts":[{"port":3000,"wanted":false}],"sidecar":false,"browser":[]})");
}

TEST(SupervisorConfig, AddedPortsOfTheOwnServiceAreTheContainersOwn) {
  ForwardingRules rules;
  rules.own_service = "app";
  rules.declared = {{3000, "", 0}};
  ForwardingRules more;
  more.declared = {{3000, "app", 8080}, {3001, "app", 0}, {5432, "db", 0}};
  ASSERT_TRUE(change_rules(rules, "add", {{"rules", to_json(more)}}));
  EXPECT_EQ(rules.declared,
            (std::vector<config::DeclaredPort>{{3000, "", 8080}, {3001, "", 0}, {5432, "db", 0}}));
}

TEST(SupervisorConfig, TakesNoMoreThanSoManyPorts) {
  ForwardingRules rules;
  for (std::uint16_t port = 1; port <= config::kMaxDeclaredPorts; ++port) {
    rules.declared.push_back({port, "", 0});
  }
  EXPECT_TRUE(rules_from_json(to_json(rules)));
  ForwardingRules one_more;
  one_more.declared = {{60000, "", 0}};
  EXPECT_FALSE(change_rules(rules, "add", {{"rules", to_json(one_more)}}));
  EXPECT_EQ(rules.declared.size(), config::kMaxDeclaredPorts) << "an error changes nothing";
  rules.declared.push_back({60000, "", 0});
  EXPECT_FALSE(rules_from_json(to_json(rules)));
}

TEST(SupervisorConfig, EveryFieldIsNeededAndOfItsKind) {
  const Json whole = to_json(sample());
  for (const auto& [field, value] : whole.items()) {
    Json less = whole;
    less.erase(field);
    EXPECT_FALSE(config_from_json(less)) << field;
    Json wrong = whole;
    wrong[field] = 7;
    EXPECT_FALSE(config_from_json(wrong)) << field;
  }
  for (const char* text : {"null", "[]", "7", "{}", "\"x\""}) {
    EXPECT_FALSE(config_from_json(Json::parse(text))) << text;
    EXPECT_FALSE(rules_from_json(Json::parse(text))) << text;
  }
}

TEST(ForwardingRules, RefuseWhatIsNoRule) {
  for (
      const char* text :
      {R"({"declared":[7],"attributes":{},"maxAutoForwards":1})",
       R"({"declared":[{}],"attributes":{},"maxAutoForwards":1})",
       R"({"declared":[{"port":"x","service":"","wished":0}],"attributes":{},"maxAutoForwards":1})",
       R"({"declared":[],"attributes":[],"maxAutoForwards":1})",
       R"({"declared":[{"port":0,"service":"","wished":0}],"attributes":{},"maxAutoForwards":1})",
       R"({"declared":[{"port":68536,"service":"","wished":0}],"attributes":{},"maxAutoForwards":1})",
       R"({"declared":[{"port":3000.5,"service":"","wished":0}],"attributes":{},"maxAutoForwards":1})",
       R"({"declared":[{"port":3000,"service":"","wished":-1}],"attributes":{},"maxAutoForwards":1})",
       R"({"declared":[],"attributes":{"ports":7},"maxAutoForwards":1})",
       R"({"declared":[],"attributes":{},"maxAutoForwards":-1})",
       R"({"declared":[],"attributes":{},"maxAutoForwards":1e300})",
       R"({"declared":[],"attributes":{},"maxAutoForwards":"many"})"}) {
    EXPECT_FALSE(rules_from_json(Json::parse(text))) << text;
  }
}

TEST(SupervisorConfig, RefusesWhatNestsDeepOrIsNoJson) {
  const std::string deep = std::string(1000000, '[') + std::string(1000000, ']');
  EXPECT_FALSE(parse_supervisor_config("{\"rules\":" + deep + "}"));
  EXPECT_FALSE(parse_supervisor_config("garbage"));
  EXPECT_TRUE(parse_supervisor_config(to_json(sample()).dump()));
}

}  // namespace
}  // namespace fairlead::daemon
