#include "supervisor/workspace/identity.h"

#include <algorithm>

namespace fairlead::workspace {

bool is_dev_container(const target::Target& container) {
  constexpr const char* kPrefix = "devcontainer.";
  const auto label = container.labels.lower_bound(kPrefix);
  return label != container.labels.end() && label->first.starts_with(kPrefix);
}

std::optional<target::Target> best_of(std::vector<target::Target> containers) {
  if (containers.empty()) return std::nullopt;
  const auto better = [](const target::Target& a, const target::Target& b) {
    if (a.running != b.running) return a.running;
    return a.created_at > b.created_at;
  };
  return *std::min_element(containers.begin(), containers.end(), better);
}

std::map<std::string, std::string> Identity::labels() const {
  std::map<std::string, std::string> result;
  if (id_labels.empty()) {
    result[kFolderLabel] = folder;
    if (!config_file.empty()) result[kConfigLabel] = config_file;
    return result;
  }
  for (const std::string& label : id_labels) {
    const std::size_t equals = label.find('=');
    result[label.substr(0, equals)] =
        equals == std::string::npos ? std::string() : label.substr(equals + 1);
  }
  return result;
}

base::Result<std::optional<target::Target>> find_container(engine::Engine& engine,
                                                           const Identity& identity) {
  std::vector<std::string> wanted;
  for (const auto& [key, value] : identity.labels()) wanted.push_back(key + "=" + value);
  auto containers = engine.find_by_labels(wanted);
  if (!containers) return containers.error();
  if (containers->empty() && identity.id_labels.empty()) {
    auto by_folder = engine.find_by_labels({std::string(kFolderLabel) + "=" + identity.folder});
    if (!by_folder) return by_folder.error();
    if (!identity.config_file.empty()) {
      std::erase_if(*by_folder, [](const target::Target& container) {
        return container.labels.contains(kConfigLabel);
      });
    }
    *containers = std::move(*by_folder);
  }
  return best_of(std::move(*containers));
}

}  // namespace fairlead::workspace
