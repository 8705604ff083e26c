#include "supervisor/cli/down_scope.h"

#include <algorithm>
#include <cerrno>

#include "supervisor/cli/selection.h"
#include "supervisor/daemon/marker.h"
#include "supervisor/engine/project.h"
#include "supervisor/workspace/identity.h"

namespace fairlead::cli {
namespace {

bool has(const DownScope& scope, const std::string& id) {
  return std::any_of(scope.containers.begin(), scope.containers.end(),
                     [&](const target::Target& container) { return container.id == id; });
}

void add(DownScope& scope, std::vector<target::Target> containers) {
  for (target::Target& container : containers) {
    if (!has(scope, container.id)) scope.containers.push_back(std::move(container));
  }
}

// By ids of supervisors: their containers may be gone.
base::Result<void> add_by_ids(DownScope& scope, engine::Engine& engine,
                              const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    if (has(scope, id)) continue;
    auto container = engine.inspect(id);
    if (container) {
      add(scope, {std::move(*container)});
    } else if (container.error().code.value() == ENOENT) {
      scope.gone.push_back(id);
    } else {
      return container.error();
    }
  }
  return {};
}

base::Result<void> add_selected(DownScope& scope, const DownOptions& options,
                                engine::Engine& engine,
                                const base::Result<daemon::StateDirectory>& state) {
  const SelectOptions& select = options.select;
  if (options.all) {
    return state ? add_by_ids(scope, engine, supervised(*state)) : base::Result<void>();
  }
  auto containers = select_containers(engine, select);
  if (!containers) return containers.error();
  add(scope, std::move(*containers));
  if (!state) return {};
  if (!select.container_id.empty()) {
    // A container that was removed behind our back may have left its supervisor's traces.
    if (!scope.containers.empty()) return {};
    for (const std::string& id : supervised(*state)) {
      if (id.starts_with(select.container_id)) scope.gone.push_back(id);
    }
    return {};
  }
  if (!select.id_labels.empty()) return {};
  // Other services of its project, even when its own container is gone.
  return add_by_ids(scope, engine, supervised(*state, absolute_folder(select.workspace_folder)));
}

}  // namespace

std::vector<std::string> DownScope::ids() const {
  std::vector<std::string> result;
  for (const target::Target& container : containers) result.push_back(container.id);
  result.insert(result.end(), gone.begin(), gone.end());
  return result;
}

std::vector<std::string> supervised(const daemon::StateDirectory& state,
                                    const std::string& workspace) {
  std::vector<std::string> ids;
  for (const std::string& name : state.supervisors.list()) {
    if (name.starts_with('.') || !name.ends_with(".json")) continue;
    const std::string id = name.substr(0, name.size() - 5);
    const auto marker = daemon::read_marker(state.supervisors, id);
    if (!workspace.empty() && (!marker || marker->workspace != workspace)) continue;
    ids.push_back(marker ? marker->container_id : id);
  }
  return ids;
}

base::Result<DownScope> find_down_scope(const DownOptions& options, engine::Engine& engine,
                                        const base::Result<daemon::StateDirectory>& state) {
  DownScope scope;
  if (auto added = add_selected(scope, options, engine, state); !added) return added.error();
  std::set<std::string> projects;
  for (const target::Target& container : scope.containers) {
    if (auto project = engine::project_of(container); !project.empty()) projects.insert(project);
  }
  // Who names a folder or labels means a workspace; an id may be any container's.
  const bool by_workspace = !options.all && options.select.container_id.empty();
  for (const std::string& project : projects) {
    auto containers = engine::project_containers(engine, project);
    if (!containers) return containers.error();
    // Somebody else's project, of which a container was merely forwarded, stays.
    if (!by_workspace &&
        std::none_of(containers->begin(), containers->end(), workspace::is_dev_container)) {
      continue;
    }
    scope.projects.insert(project);
    std::sort(containers->begin(), containers->end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    add(scope, std::move(*containers));
  }
  return scope;
}

}  // namespace fairlead::cli
