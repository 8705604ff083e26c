#include "supervisor/workspace/compose_project.h"

#include <sstream>

namespace fairlead::workspace {
namespace {

// What version 2 calls a project whose files lie in a folder ".devcontainer": nobody's choice.
constexpr const char* kAccidentalName = "devcontainer";

std::string trimmed(const std::string& text) {
  constexpr const char* kBlank = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {};
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string normalised(const std::string& name, bool keeps_dashes) {
  std::string result;
  for (const char c : name) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool plain = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    if (plain || (keeps_dashes && (lower == '-' || lower == '_'))) result += lower;
  }
  return result;
}

std::vector<std::string> split_paths(const std::string& list, const std::string& folder) {
  std::vector<std::string> paths;
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ':');) {
    if (part.empty()) continue;
    paths.push_back(part.front() == '/' ? part : folder + "/" + part);
  }
  return paths;
}

}  // namespace

std::string dot_env_value(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name + "=")) continue;
    const std::string value = line.substr(name.size() + 1);
    if (!value.empty()) return trimmed(value);
  }
  return {};
}

std::vector<std::string> compose_files(const ComposeFileSources& sources,
                                       const std::function<bool(const std::string&)>& exists) {
  if (!sources.configured.empty()) return sources.configured;
  if (auto paths = split_paths(sources.environment, sources.workspace_folder); !paths.empty()) {
    return paths;
  }
  const std::string written = dot_env_value(sources.dot_env, "COMPOSE_FILE");
  if (auto paths = split_paths(written, sources.workspace_folder); !paths.empty()) return paths;
  std::vector<std::string> paths{sources.workspace_folder + "/docker-compose.yml"};
  const std::string more = sources.workspace_folder + "/docker-compose.override.yml";
  if (exists(more)) paths.push_back(more);
  return paths;
}

std::string compose_project_name(const ProjectNameSources& sources) {
  const auto name = [&](const std::string& text) { return normalised(text, sources.keeps_dashes); };
  if (auto wanted = name(sources.environment); !wanted.empty()) return wanted;
  const std::string written = dot_env_value(sources.dot_env, "COMPOSE_PROJECT_NAME");
  if (auto wanted = name(written); !wanted.empty()) return wanted;
  if (!sources.config_name.empty() &&
      (sources.config_name != kAccidentalName || sources.files_name_it)) {
    return name(sources.config_name);
  }
  const std::string folder =
      sources.first_file.empty() ? sources.workspace_folder : parent_of(sources.first_file);
  const std::string& workspace = sources.workspace_folder;
  if (folder == (workspace == "/" ? "" : workspace) + "/.devcontainer") {
    return name(name_of(workspace) + "_devcontainer");
  }
  return name(name_of(folder));
}

}  // namespace fairlead::workspace
