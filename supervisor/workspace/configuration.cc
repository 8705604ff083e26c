#include "supervisor/workspace/configuration.h"

#include <algorithm>
#include <cstdlib>

#include "supervisor/config/metadata.h"
#include "supervisor/workspace/remote_user.h"

namespace fairlead::workspace {
namespace {

using config::Json;

constexpr const char* kUsualFile = "/.devcontainer/devcontainer.json";

std::optional<std::string> host_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

// The way the reference CLI prints a path of the host; one that it found has another scheme than
// one that it was given.
Json file_uri(const std::string& path, bool given) {
  return {{"$mid", 1},
          {"fsPath", path},
          {"path", path},
          {"scheme", given ? "file" : "vscode-fileHost"}};
}

base::Result<std::string> identifying_file(const ConfigurationRequest& request) {
  if (!request.config_path.empty()) return request.config_path;
  auto found = config::find_config_file(request.folder);
  // With another text to go by there need not be a file.
  if (!found && !request.override_path.empty()) return request.folder + kUsualFile;
  return found;
}

// A Compose file says itself what is mounted where.
WorkspaceMount mount_of(const Json& words, const ConfigurationRequest& request) {
  if (words.contains("dockerComposeFile")) return {"", "/"};
  return default_mount(request.folder, request.mount_git_root);
}

}  // namespace

base::Result<Configuration> Configuration::load(const ConfigurationRequest& request) {
  Configuration result;
  result.identity_.folder = request.folder;
  result.identity_.id_labels = request.id_labels;
  result.file_is_given_ = !request.config_path.empty();
  auto path = identifying_file(request);
  if (!path) return path.error();
  result.identity_.config_file = std::move(*path);
  auto source = config::load_config_source(
      request.override_path.empty() ? result.identity_.config_file : request.override_path);
  if (!source) return source.error();
  result.source_ = std::move(*source);

  const Json& words = result.source_.json;
  result.mount_ = mount_of(words, request);
  result.variables_.local_workspace_folder = request.folder;
  result.variables_.devcontainer_id = config::devcontainer_id(result.identity_.labels());
  result.variables_.local_env = host_environment;
  // The folder in the container may itself be written with the host's variables.
  const auto folder = words.find("workspaceFolder");
  if (folder != words.end() && folder->is_string()) {
    result.mount_.folder =
        config::substitute(folder->get_ref<const std::string&>(), result.variables_);
  }
  result.variables_.container_workspace_folder = result.mount_.folder;
  if (auto parsed = result.parse(); !parsed) return parsed.error();
  if (result.config_.workspace_mount) result.mount_.mount = *result.config_.workspace_mount;
  return result;
}

Configuration Configuration::without_file(const std::string& folder,
                                          const target::Target& container) {
  Configuration result;
  result.has_file_ = false;
  result.identity_.folder = folder;
  result.source_.json = {{"image", container.image.empty() ? "-" : container.image}};
  result.variables_.local_workspace_folder = folder;
  result.variables_.local_env = host_environment;
  return result;
}

base::Result<void> Configuration::parse() {
  const Json& words = source_.json;
  auto parsed =
      config::parse_config(merged_ ? config::merge_metadata(words, entries_) : words,
                           identity_.config_file, variables_, has_file_ ? &source_ : nullptr);
  if (!parsed) return parsed.error();
  config_ = std::move(*parsed);
  return {};
}

base::Result<void> Configuration::identify_by_folder() {
  Identity folder_alone = identity_;
  folder_alone.config_file.clear();
  variables_.devcontainer_id = config::devcontainer_id(folder_alone.labels());
  return parse();
}

base::Result<void> Configuration::merge(std::vector<Json> entries) {
  entries_ = std::move(entries);
  merged_ = true;
  return parse();
}

base::Result<void> Configuration::complete(const std::vector<std::string>& container_environment) {
  variables_.container_env = [container_environment](const std::string& name) {
    return variable_in(container_environment, name);
  };
  return parse();
}

Json Configuration::shown() const {
  Json words = config::substitute_all(source_.json, variables_);
  words["configFilePath"] = file_uri(identity_.config_file, file_is_given_);
  return words;
}

Json Configuration::shown_merged() const {
  std::vector<Json> entries;
  for (const Json& entry : entries_) entries.push_back(config::substitute_all(entry, variables_));
  return config::merge_metadata(shown(), entries);
}

std::vector<std::string> Configuration::new_warnings() {
  std::vector<std::string> fresh;
  for (const std::string& warning : config_.warnings) {
    if (std::find(warned_.begin(), warned_.end(), warning) != warned_.end()) continue;
    fresh.push_back(warning);
    warned_.push_back(warning);
  }
  return fresh;
}

}  // namespace fairlead::workspace
