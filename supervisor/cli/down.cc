#include <algorithm>
#include <cerrno>
#include <set>

#include "supervisor/cli/console.h"
#include "supervisor/cli/down_scope.h"
#include "supervisor/cli/native_runs.h"
#include "supervisor/cli/options.h"
#include "supervisor/cli/selection.h"
#include "supervisor/daemon/reaping.h"
#include "supervisor/engine/project.h"
#include "target/agent_directory.h"

namespace fairlead::cli {
namespace {

// Keeps every failure, for the one line at the end.
class Troubles {
 public:
  template <class T>
  bool note(const base::Result<T>& done) {
    if (!done) text_ += (text_.empty() ? "" : "; ") + done.error().message();
    return static_cast<bool>(done);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Supervisors first; a container whose supervisor cannot be ended is left as it is. The ids of the
// others.
std::set<std::string> reap_all(const std::vector<std::string>& ids,
                               const base::Result<daemon::StateDirectory>& state,
                               Troubles& troubles) {
  std::set<std::string> reaped;
  if (!state) return {ids.begin(), ids.end()};
  const auto results = daemon::reap_supervisors(*state, ids);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (troubles.note(results[i])) reaped.insert(ids[i]);
  }
  return reaped;
}

void take_down(const DownOptions& options, const DownScope& scope, engine::Engine& engine,
               const base::Result<daemon::StateDirectory>& state, Troubles& troubles) {
  const auto reaped = reap_all(scope.ids(), state, troubles);
  std::vector<std::string> running;
  std::vector<std::string> all;
  for (const target::Target& container : scope.containers) {
    if (!reaped.contains(container.id)) continue;
    all.push_back(container.id);
    if (!container.running) continue;
    say("Stopping container " + container.name);
    running.push_back(container.id);
  }
  const auto patience = std::chrono::seconds(options.timeout_seconds);
  if (!troubles.note(engine::stop_containers(engine, running, patience)) || !options.remove) return;
  if (!troubles.note(engine::remove_containers(engine, all, options.remove_volumes))) return;
  for (const target::Target& container : scope.containers) {
    if (state && reaped.contains(container.id)) {
      target::AgentDirectory::remove(state->base, container.agent_source);
    }
  }
  if (all.size() != scope.containers.size()) return;
  for (const std::string& project : scope.projects) {
    troubles.note(engine::remove_project(engine, project, options.remove_volumes));
  }
}

// What is to be taken down without any engine.
std::vector<daemon::Marker> wanted_native_runs(const DownOptions& options,
                                               const base::Result<std::string>& path,
                                               const base::Result<daemon::StateDirectory>& state) {
  if (options.all && state) return native_runs(*state);
  std::vector<daemon::Marker> runs;
  if (auto run = find_native_run(path, options.select.container_id)) runs.push_back(*run);
  return runs;
}

// Whether nothing is left that an engine would have to be asked for.
bool needs_no_engine(const DownOptions& options, const std::vector<daemon::Marker>& runs,
                     const base::Result<daemon::StateDirectory>& state) {
  if (!options.all) return !runs.empty();
  return state && !runs.empty() && supervised(*state).empty();
}

}  // namespace

int run_down(const DownOptions& options) {
  constexpr const char* kMessage = "The dev container could not be taken down.";
  const auto path = daemon::state_path(options.state.user_data_folder);
  if (!path) return print_failure(kMessage, path.error().message());
  const auto state = daemon::StateDirectory::open(*path);
  if (!state && state.error().code.value() != ENOENT) {
    warn(state.error().message() + "; supervisors cannot be found");
  }
  std::vector<std::string> done_ids;
  Troubles troubles;
  const auto finish = [&] {
    if (!troubles.text().empty()) return print_failure(kMessage, troubles.text());
    print_result({{"outcome", "success"}, {"containers", done_ids}});
    return kSuccess;
  };
  const auto runs = wanted_native_runs(options, path, state);
  for (const daemon::Marker& run : runs) {
    troubles.note(end_native_run(*state, run, std::chrono::seconds(options.timeout_seconds)));
    done_ids.push_back(run.container_id);
  }
  if (needs_no_engine(options, runs, state)) return finish();
  auto engine = engine::open_engine(options.engine);
  if (!engine) {
    // The containers are out of reach; their supervisors are not.
    std::vector<std::string> ids;
    if (state && (options.all || options.select.any())) {
      for (const daemon::Marker& marker : select_supervisors(*state, options.select)) {
        ids.push_back(marker.container_id);
      }
    }
    const auto results =
        ids.empty() ? std::vector<base::Result<bool>>() : daemon::reap_supervisors(*state, ids);
    const auto reaped = std::count_if(results.begin(), results.end(),
                                      [](const auto& result) { return result && *result; });
    if (reaped > 0) say("Ended " + std::to_string(reaped) + " supervisors");
    return print_failure(kMessage, engine.error().message());
  }
  const auto scope = find_down_scope(options, **engine, state);
  if (!scope) return print_failure(kMessage, scope.error().message());
  take_down(options, *scope, **engine, state, troubles);
  for (const std::string& id : scope->ids()) done_ids.push_back(id);
  return finish();
}

}  // namespace fairlead::cli
