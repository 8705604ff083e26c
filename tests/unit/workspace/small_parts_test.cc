// Secrets, inherited metadata, rules of forwarding, the reference CLI's words, mounts of the
// command line.
#include <gtest/gtest.h>

#include "supervisor/cli/workspace_flags.h"
#include "supervisor/workspace/forwarding_rules.h"
#include "supervisor/workspace/inherited_metadata.h"
#include "supervisor/workspace/reference_tool.h"
#include "supervisor/workspace/secrets.h"

namespace fairlead::workspace {
namespace {

using config::Json;
using Words = std::vector<std::string>;

TEST(ParseSecrets, ReadsAnObjectOfStrings) {
  const auto secrets = parse_secrets(R"({"A": "1", /* why */ "B_2": "x\ny",})", "f");
  ASSERT_TRUE(secrets);
  EXPECT_EQ(*secrets, (engine::Variables{{"A", "1"}, {"B_2", "x\ny"}}));
}

TEST(ParseSecrets, NeverQuotesAValue) {
  for (const char* text : {R"({"A": "hush"; 1})", R"({"A": ["hush"]})", R"({"A=B": "hush"})",
                           R"("hush")", R"({"A": hush})", R"({"A": "hush\u0000"})"}) {
    const auto secrets = parse_secrets(text, "/the/file");
    ASSERT_FALSE(secrets) << text;
    EXPECT_NE(secrets.error().message().find("/the/file"), std::string::npos);
    EXPECT_EQ(secrets.error().message().find("hush"), std::string::npos);
  }
}

std::vector<Json> entries(const std::string& text) {
  return Json::parse(text).get<std::vector<Json>>();
}

TEST(InheritedEntries, AreThoseBeforeTheConfigurationsOwn) {
  const auto image = entries(R"([{"remoteUser":"a"}])");
  EXPECT_EQ(inherited_entries(entries(R"([{"remoteUser":"a"},{"remoteUser":"b"}])"), image, false),
            image);
  EXPECT_TRUE(inherited_entries(entries(R"([{"remoteUser":"b"}])"), {}, false).empty());
  EXPECT_TRUE(inherited_entries({}, image, false).empty());
}

TEST(InheritedEntries, AreAllIfTheConfigurationAddedNothing) {
  const auto image = entries(R"([{"remoteUser":"a"}])");
  EXPECT_EQ(inherited_entries(image, image, false), image);
}

TEST(InheritedEntries, DoNotIncludeWhatAnImageBuiltHereSaysLast) {
  const auto image = entries(R"([{"init":true},{"remoteUser":"a"}])");
  EXPECT_EQ(inherited_entries(image, image, true), entries(R"([{"init":true}])"));
}

TEST(InheritedEntries, IncludeAFeaturesWhereverItStands) {
  const auto label = entries(R"([{"init":true},{"id":"f","remoteUser":"a"}])");
  EXPECT_EQ(inherited_entries(label, {}, true), label);
}

TEST(ForwardingRules, TakeTheOwnComposeServiceForTheContainerItself) {
  const auto config = config::parse_config(
      Json::parse(R"({"dockerComposeFile":"c.yml","service":"app","appPort":[3001],
          "forwardPorts":["app:3000", 3000, "db:5432", "8080:app:3001", "localhost:3001"]})"),
      "/w/.devcontainer/devcontainer.json", {});
  ASSERT_TRUE(config);
  daemon::ForwardingRules by_flags;
  by_flags.declared = {{5000, "app", 0}, {5432, "db", 15432}};
  const auto rules = forwarding_rules(by_flags, std::nullopt, *config, {});
  EXPECT_EQ(rules.declared,
            (std::vector<config::DeclaredPort>{
                {5000, "", 0}, {5432, "db", 15432}, {3000, "", 0}, {3001, "", 8080}}));
  EXPECT_EQ(rules.own_service, "app");
}

TEST(ToolArgv, HandsOnWhatMeansTheSameThere) {
  EXPECT_EQ(tool_argv({"/w", "", "", {}, {}, "", "", "", true}),
            (Words{"devcontainer", "up", "--workspace-folder", "/w", "--skip-post-create",
                   "--mount-workspace-git-root", "true"}));
  EXPECT_EQ(tool_argv({"/w",
                       "/c",
                       "/o",
                       {"a=b"},
                       {"type=bind,source=/s,target=/t"},
                       "docker",
                       "dc",
                       "never",
                       false}),
            (Words{"devcontainer",
                   "up",
                   "--workspace-folder",
                   "/w",
                   "--skip-post-create",
                   "--config",
                   "/c",
                   "--override-config",
                   "/o",
                   "--id-label",
                   "a=b",
                   "--mount",
                   "type=bind,source=/s,target=/t",
                   "--docker-path",
                   "docker",
                   "--docker-compose-path",
                   "dc",
                   "--update-remote-user-uid-default",
                   "never",
                   "--mount-workspace-git-root",
                   "false"}));
}

TEST(ParseToolOutput, ReadsTheLastLine) {
  const auto made = parse_tool_output(
      "noise\n{\"outcome\":\"success\",\"containerId\":\"abc\",\"composeProjectName\":\"p\"}\n");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->container_id, "abc");
  EXPECT_EQ(made->compose_project, "p");
}

TEST(ParseToolOutput, TellsWhyThereIsNoContainer) {
  const auto failed = parse_tool_output(
      "{\"outcome\":\"error\",\"message\":\"m\",\"description\":\"no such feature\"}\n");
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message().find("no such feature"), std::string::npos);
  for (const char* text : {"", "\n", "[]", "{", "{\"outcome\":\"success\"}", "null"}) {
    EXPECT_FALSE(parse_tool_output(text)) << text;
  }
  EXPECT_FALSE(parse_tool_output(std::string(100'000, '[')));
}

TEST(EngineMount, TakesTheOneFormAndNoOther) {
  EXPECT_EQ(cli::engine_mount("type=bind,source=/a b,target=/c"),
            "type=bind,source=/a b,target=/c");
  EXPECT_EQ(cli::engine_mount("type=volume,source=v,target=/c,external=true"),
            "type=volume,source=v,target=/c");
  for (const char* word :
       {"", "type=bind", "type=tmpfs,source=a,target=/c", "source=a,type=bind,target=/c",
        "type=bind,source=,target=/c", "type=bind,source=a,target=/c,",
        "type=bind,source=a,target=", "type=bind,source=a,target=/c,readonly",
        "type=bind,source=a,target=/c,external=maybe",
        "type=bind,source=a,target=/c,external=true,x"}) {
    EXPECT_EQ(cli::engine_mount(word), "") << word;
  }
}

}  // namespace
}  // namespace fairlead::workspace
