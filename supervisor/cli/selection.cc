#include "supervisor/cli/selection.h"

#include <cerrno>
#include <filesystem>
#include <set>

#include "supervisor/cli/console.h"
#include "supervisor/workspace/identity.h"

namespace fairlead::cli {

std::string absolute_folder(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  std::string path =
      fs::absolute(folder.empty() ? "." : folder, ignored).lexically_normal().string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

base::Result<std::vector<target::Target>> select_containers(engine::Engine& engine,
                                                            const SelectOptions& select) {
  if (!select.container_id.empty()) {
    auto container = engine.inspect(select.container_id);
    if (container) return std::vector<target::Target>{std::move(*container)};
    if (container.error().code.value() == ENOENT) return std::vector<target::Target>();
    return container.error();
  }
  if (!select.id_labels.empty()) return engine.find_by_labels(select.id_labels);
  return engine.find_by_labels(
      {std::string(workspace::kFolderLabel) + "=" + absolute_folder(select.workspace_folder)});
}

std::vector<daemon::Marker> select_supervisors(const daemon::StateDirectory& state,
                                               const SelectOptions& select) {
  std::vector<daemon::Marker> markers = daemon::living_markers(state.supervisors);
  std::set<std::string> labelled;
  if (!select.id_labels.empty()) {
    const auto engine = engine::open_engine({});
    const auto containers = engine ? (*engine)->find_by_labels(select.id_labels)
                                   : base::Result<std::vector<target::Target>>(engine.error());
    if (!containers)
      warn(containers.error().message());
    else
      for (const target::Target& container : *containers) labelled.insert(container.id);
  }
  std::erase_if(markers, [&](const daemon::Marker& marker) {
    if (!select.id_labels.empty()) return !labelled.contains(marker.container_id);
    if (!select.container_id.empty()) {
      return !marker.container_id.starts_with(select.container_id) &&
             marker.container_name != select.container_id;
    }
    if (!select.workspace_folder.empty()) {
      return marker.workspace != absolute_folder(select.workspace_folder);
    }
    return false;
  });
  return markers;
}

}  // namespace fairlead::cli
