#include "supervisor/config/personal_config.h"

#include <sys/stat.h>

#include <cerrno>

#include "supervisor/config/config_file.h"
#include "supervisor/config/json_lines.h"

namespace fairlead::config {
namespace {

constexpr const char* kWorkspaces = "workspaces";
constexpr const char* kEveryWorkspace = "*";

std::optional<Mistake> read(const Json& document, PersonalConfig& into) {
  if (!document.is_object()) return wrong({}, "an object", document);
  for (const auto& [key, value] : document.items()) {
    if (key != kWorkspaces) {
      into.warnings.push_back(to_text(PropertyPath{key}) + " is not known and has no effect");
      continue;
    }
    if (!value.is_object()) return wrong({kWorkspaces}, "an object", value);
    for (const auto& [folder, settings] : value.items()) {
      const PropertyPath where = PropertyPath{kWorkspaces} / folder;
      if (folder != kEveryWorkspace && !folder.starts_with('/')) {
        into.warnings.push_back(to_text(where) +
                                " is neither \"*\" nor an absolute folder and has no effect");
      }
      Customizations checked;
      if (auto mistake = apply_customizations(settings, where, checked, into.warnings)) {
        return mistake;
      }
      into.workspaces[folder] = settings;
    }
  }
  return std::nullopt;
}

std::string without_trailing_slashes(std::string folder) {
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder;
}

}  // namespace

std::optional<std::string> personal_config_path(const EnvironmentLookup& environment) {
  constexpr const char* kFile = "/fairlead/config.json";
  const auto base = environment("XDG_CONFIG_HOME");
  if (base && base->starts_with('/')) return *base + kFile;
  const auto home = environment("HOME");
  if (home && home->starts_with('/')) return *home + "/.config" + kFile;
  return std::nullopt;
}

base::Result<PersonalConfig> parse_personal_config(const std::string& text,
                                                   const std::string& path) {
  const auto document = parse_jsonc(text, path);
  if (!document) return document.error();
  PersonalConfig personal;
  if (const auto mistake = read(*document, personal)) {
    return located(*mistake, path, text);
  }
  for (std::string& warning : personal.warnings) warning = path + ": " + warning;
  return personal;
}

base::Result<PersonalConfig> load_personal_config(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return PersonalConfig{};
  }
  const auto text = read_config_text(path);
  if (!text) return text.error();
  return parse_personal_config(*text, path);
}

void apply_personal(const PersonalConfig& personal, const std::string& folder,
                    Customizations& into) {
  const std::string wanted = without_trailing_slashes(folder);
  std::vector<std::string> told_before;
  const auto apply = [&](const Json& settings) {
    // Checked when it was read: there is no mistake left to tell.
    (void)apply_customizations(settings, {}, into, told_before);
  };
  const auto general = personal.workspaces.find(kEveryWorkspace);
  if (general != personal.workspaces.end()) apply(general->second);
  for (const auto& [name, settings] : personal.workspaces) {
    if (without_trailing_slashes(name) == wanted) apply(settings);
  }
}

}  // namespace fairlead::config
