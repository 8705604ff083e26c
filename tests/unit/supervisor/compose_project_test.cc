#include "supervisor/workspace/compose_project.h"

#include <gtest/gtest.h>

namespace fairlead::workspace {
namespace {

TEST(DotEnv, GivesTheFirstValueOfAName) {
  struct Row {
    const char* text;
    const char* value;
  };
  for (const Row& row :
       {Row{"", ""}, Row{"N=one\nN=two\n", "one"}, Row{"# N=no\nN= spaced \r\n", "spaced"},
        Row{"NN=no\nXN=no\n", ""}, Row{"N=\nN=later\n", "later"}, Row{" N=no\n", ""},
        Row{"N=a=b", "a=b"}, Row{"export N=no\n", ""}}) {
    EXPECT_EQ(dot_env_value(row.text, "N"), row.value) << row.text;
  }
}

std::string files_of(const ComposeFileSources& sources, bool has_override = false) {
  std::string text;
  const auto files = compose_files(sources, [&](const std::string&) { return has_override; });
  for (const std::string& file : files) text += file + " ";
  return text;
}

TEST(ComposeFiles, AreTheConfiguredOnesFirst) {
  EXPECT_EQ(files_of({{"/w/.devcontainer/a.yml", "/w/b.yml"}, "/env.yml", "", "/w"}),
            "/w/.devcontainer/a.yml /w/b.yml ");
}

TEST(ComposeFiles, AreOtherwiseTheEnvironmentsThenDotEnvsThenTheFoldersOwn) {
  EXPECT_EQ(files_of({{}, "a.yml:/abs/b.yml", "COMPOSE_FILE=no.yml\n", "/w"}),
            "/w/a.yml /abs/b.yml ");
  EXPECT_EQ(files_of({{}, "", "X=1\nCOMPOSE_FILE=a.yml:sub/b.yml\n", "/w"}),
            "/w/a.yml /w/sub/b.yml ");
  EXPECT_EQ(files_of({{}, "", "", "/w"}), "/w/docker-compose.yml ");
  EXPECT_EQ(files_of({{}, "", "", "/w"}, true),
            "/w/docker-compose.yml /w/docker-compose.override.yml ");
}

TEST(ComposeProjectName, FollowsTheReferencesOrder) {
  ProjectNameSources sources;
  sources.workspace_folder = "/home/me/My Project";
  sources.first_file = "/home/me/My Project/.devcontainer/docker-compose.yml";
  EXPECT_EQ(compose_project_name(sources), "myproject_devcontainer");
  sources.config_name = "devcontainer";  // nobody's choice: version 2 made it of the folder
  EXPECT_EQ(compose_project_name(sources), "myproject_devcontainer");
  sources.files_name_it = true;
  EXPECT_EQ(compose_project_name(sources), "devcontainer");
  sources.config_name = "Chosen-1_x";
  sources.files_name_it = false;
  EXPECT_EQ(compose_project_name(sources), "chosen-1_x");
  sources.dot_env = "COMPOSE_PROJECT_NAME=From.Dot-Env\n";
  EXPECT_EQ(compose_project_name(sources), "fromdot-env");
  sources.environment = "From Environment";
  EXPECT_EQ(compose_project_name(sources), "fromenvironment");
  sources.environment = "!!!";  // nothing of it can be part of a name
  EXPECT_EQ(compose_project_name(sources), "fromdot-env");
}

TEST(ComposeProjectName, IsOtherwiseThatOfTheFirstFilesFolder) {
  struct Row {
    const char* workspace;
    const char* file;
    const char* name;
  };
  for (const Row& row : {
           Row{"/w/app", "/w/app/docker-compose.yml", "app"},
           Row{"/w/app", "/w/app/deploy/docker-compose.yml", "deploy"},
           Row{"/w/app", "/w/app/.devcontainer/x/docker-compose.yml", "x"},
           Row{"/w/app", "/w/other/.devcontainer/docker-compose.yml", "devcontainer"},
           Row{"/w/app", "/w/.devcontainer/docker-compose.yml", "devcontainer"},
           Row{"/w/app", "", "app"},
           Row{"/w/A-b_C.d", "/w/A-b_C.d/c.yml", "a-b_cd"},
           Row{"/w/\xe6\x97\xa5", "/w/\xe6\x97\xa5/c.yml", ""},
       }) {
    ProjectNameSources sources;
    sources.workspace_folder = row.workspace;
    sources.first_file = row.file;
    EXPECT_EQ(compose_project_name(sources), row.name) << row.file;
  }
}

TEST(ComposeProjectName, HasNoDashesWhereComposeIsThatOld) {
  ProjectNameSources sources;
  sources.workspace_folder = "/w/a-b_c";
  sources.first_file = "/w/a-b_c/c.yml";
  sources.keeps_dashes = false;
  EXPECT_EQ(compose_project_name(sources), "abc");
}

}  // namespace
}  // namespace fairlead::workspace
