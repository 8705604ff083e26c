#include "supervisor/engine/compose_arguments.h"

#include <gtest/gtest.h>

namespace fairlead::engine {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

ComposeTool plugin(ComposeVersion version = {2, 17, 2}) {
  return {compose_plugin_command({"/run/d.sock", "docker"}), version};
}
ComposeTool program(ComposeVersion version = {1, 29, 2}) {
  return {compose_program_command("docker-compose", {"/run/d.sock", "docker"}), version};
}
const ComposeProject kProject{{"/w/a.yml", "/w/b c.yml"}, "", "w_devcontainer"};

TEST(ComposeVersion, IsReadFromWhatTheProgramsPrint) {
  struct Row {
    const char* text;
    ComposeVersion version;
  };
  for (const Row& row :
       {Row{"1.29.2\n", {1, 29, 2}}, Row{"2.17.2\n", {2, 17, 2}}, Row{"v2.20.2", {2, 20, 2}},
        Row{"2.20.2+ds1-0ubuntu1\n", {2, 20, 2}}, Row{"2.0.0-rc.1", {2, 0, 0}}}) {
    const auto version = parse_compose_version(row.text);
    ASSERT_TRUE(version) << row.text;
    EXPECT_EQ(*version, row.version) << row.text;
  }
  for (const char* text : {"", "v", "1", "1.2", "1.2.", "dev", "docker-compose version 1.29",
                           "99999999999.1.1", "-1.2.3"}) {
    EXPECT_FALSE(parse_compose_version(text)) << text;
  }
}

TEST(ComposeVersion, DecidesTheNameOfABuiltImage) {
  EXPECT_EQ(program().built_image("p", "app"), "p_app");
  EXPECT_EQ(plugin({2, 7, 9}).built_image("p", "app"), "p_app");
  EXPECT_EQ(plugin({2, 8, 0}).built_image("p", "app"), "p-app");
}

TEST(ComposeVersion, DecidesOnDashesAndOnTheVersionsOfFiles) {
  EXPECT_FALSE(program({1, 20, 9}).keeps_dashes());
  EXPECT_TRUE(program({1, 21, 0}).keeps_dashes());
  EXPECT_TRUE(program().needs_same_versions());
  EXPECT_FALSE(plugin().needs_same_versions());
}

TEST(ComposeArguments, NameTheEngineFilesAndProject) {
  EXPECT_EQ(joined(compose_up_arguments(program(), kProject, {}, true)),
            "docker-compose --host unix:///run/d.sock --project-name w_devcontainer -f /w/a.yml "
            "-f /w/b c.yml up -d");
  EXPECT_EQ(joined(compose_up_arguments(plugin(), kProject, {"db", "app"}, false)),
            "docker --host unix:///run/d.sock compose --project-name w_devcontainer -f /w/a.yml "
            "-f /w/b c.yml up -d --no-recreate db app");
  EXPECT_EQ(joined(compose_build_arguments(program(), kProject, {"app"})),
            "docker-compose --host unix:///run/d.sock --project-name w_devcontainer -f /w/a.yml "
            "-f /w/b c.yml build app");
}

TEST(ComposeArguments, AskForEveryProfileWhereThereAreSome) {
  ComposeProject project = kProject;
  project.name.clear();
  EXPECT_EQ(joined(compose_config_arguments(program(), project)),
            "docker-compose --host unix:///run/d.sock -f /w/a.yml -f /w/b c.yml config");
  EXPECT_EQ(
      joined(compose_config_arguments(plugin(), project)),
      "docker --host unix:///run/d.sock compose -f /w/a.yml -f /w/b c.yml --profile * config");
}

TEST(ComposeArguments, NameTheFileOfVariablesOnlyWhenItIsChosen) {
  ComposeProject project = kProject;
  project.env_file = "/w/.env";
  EXPECT_NE(joined(compose_config_arguments(plugin(), project)).find(" --env-file /w/.env "),
            std::string::npos);
}

}  // namespace
}  // namespace fairlead::engine
