// Which files make up a Compose project and what it is called, by the rules of the reference CLI.
// Pure. SPEC.md "Compose".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fairlead::workspace {

// The value of NAME in the text of a `.env` file: the first line "NAME=value", blanks around the
// value cut. Empty if there is none.
std::string dot_env_value(const std::string& text, const std::string& name);

struct ComposeFileSources {
  std::vector<std::string> configured;  // `dockerComposeFile`, absolute
  std::string environment;              // COMPOSE_FILE
  std::string dot_env;                  // the text of the workspace's .env
  std::string workspace_folder;
};
// Absolute paths. `exists` is asked about one of the defaults only.
std::vector<std::string> compose_files(const ComposeFileSources& sources,
                                       const std::function<bool(const std::string&)>& exists);

struct ProjectNameSources {
  std::string environment;  // COMPOSE_PROJECT_NAME
  std::string dot_env;      // the text of the workspace's .env
  std::string config_name;  // top-level `name` of what `config` prints
  bool files_name_it = false;  // whether a file itself has a top-level `name`
  std::string workspace_folder;
  std::string first_file;
  bool keeps_dashes = true;
};
// Empty if nothing of it can be part of a name.
std::string compose_project_name(const ProjectNameSources& sources);

}  // namespace fairlead::workspace
