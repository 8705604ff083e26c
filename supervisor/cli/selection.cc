#include "supervisor/cli/selection.h"

#include <cerrno>
#include <filesystem>
#include <set>

#include "supervisor/cli/console.h"
#include "supervisor/engine/project.h"
#include "supervisor/workspace/identity.h"

namespace fairlead::cli {

namespace {

// Ids of the containers with these labels, and of the Compose projects that they belong to.
base::Result<std::set<std::string>> ids_by_labels(const std::vector<std::string>& labels) {
  const auto engine = engine::open_engine({});
  if (!engine) return engine.error();
  const auto containers = (*engine)->find_by_labels(labels);
  if (!containers) return containers.error();
  std::set<std::string> ids;
  std::set<std::string> projects;
  for (const target::Target& container : *containers) {
    ids.insert(container.id);
    projects.insert(engine::project_of(container));
  }
  projects.erase("");
  for (const std::string& project : projects) {
    const auto members = engine::project_containers(**engine, project);
    if (!members) return members.error();
    for (const target::Target& container : *members) ids.insert(container.id);
  }
  return ids;
}

}  // namespace

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
    const auto ids = ids_by_labels(select.id_labels);
    if (ids)
      labelled = *ids;
    else
      warn(ids.error().message());
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
