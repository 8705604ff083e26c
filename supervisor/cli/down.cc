#include <algorithm>
#include <cerrno>

#include "supervisor/cli/console.h"
#include "supervisor/cli/native_runs.h"
#include "supervisor/cli/options.h"
#include "supervisor/cli/selection.h"
#include "supervisor/daemon/manage.h"

namespace fairlead::cli {
namespace {

// Ids of every container that has, or had, a supervisor: markers of dead ones count.
std::vector<std::string> supervised(const daemon::StateDirectory& state) {
  std::vector<std::string> ids;
  for (const std::string& name : state.supervisors.list()) {
    if (name.starts_with('.') || !name.ends_with(".json")) continue;
    const std::string id = name.substr(0, name.size() - 5);
    const auto marker = daemon::read_marker(state.supervisors, id);
    ids.push_back(marker ? marker->container_id : id);
  }
  return ids;
}

base::Result<std::vector<std::string>> wanted_ids(
    const DownOptions& options, engine::Engine& engine,
    const base::Result<daemon::StateDirectory>& state) {
  std::vector<std::string> ids;
  if (options.all) {
    if (state) ids = supervised(*state);
    return ids;
  }
  const auto containers = select_containers(engine, options.select);
  if (!containers) return containers.error();
  for (const target::Target& container : *containers) ids.push_back(container.id);
  // A container that was removed behind our back may have left its supervisor's traces.
  if (state && !options.select.container_id.empty() && ids.empty()) {
    for (const std::string& id : supervised(*state)) {
      if (id.starts_with(options.select.container_id)) ids.push_back(id);
    }
  }
  return ids;
}

base::Result<void> take_down(const DownOptions& options, engine::Engine& engine,
                             const base::Result<daemon::StateDirectory>& state,
                             const std::string& id) {
  if (state) {
    if (auto reaped = daemon::reap_supervisor(*state, id); !reaped) return reaped.error();
  }
  const auto container = engine.inspect(id);
  if (!container) {
    if (container.error().code.value() == ENOENT) return {};
    return container.error();
  }
  if (container->running) {
    say("Stopping container " + container->name);
    auto stopped = engine.stop(id, std::chrono::seconds(options.timeout_seconds));
    if (!stopped) return stopped;
  }
  return options.remove ? engine.remove(id) : base::Result<void>();
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
  std::string trouble;
  const auto note = [&](const base::Result<void>& done) {
    if (!done) trouble += (trouble.empty() ? "" : "; ") + done.error().message();
  };
  const auto finish = [&] {
    if (!trouble.empty()) return print_failure(kMessage, trouble);
    print_result({{"outcome", "success"}, {"containers", done_ids}});
    return kSuccess;
  };
  const auto runs = wanted_native_runs(options, path, state);
  for (const daemon::Marker& run : runs) {
    note(end_native_run(*state, run, std::chrono::seconds(options.timeout_seconds)));
    done_ids.push_back(run.container_id);
  }
  if (needs_no_engine(options, runs, state)) return finish();
  auto engine = engine::open_engine(options.engine);
  if (!engine) {
    // The containers are out of reach; their supervisors are not.
    std::size_t reaped = 0;
    if (state && (options.all || options.select.any())) {
      for (const daemon::Marker& marker : select_supervisors(*state, options.select)) {
        const auto done = daemon::reap_supervisor(*state, marker.container_id);
        reaped += done && *done ? 1 : 0;
      }
    }
    if (reaped > 0) say("Ended " + std::to_string(reaped) + " supervisors");
    return print_failure(kMessage, engine.error().message());
  }
  const auto ids = wanted_ids(options, **engine, state);
  if (!ids) return print_failure(kMessage, ids.error().message());
  for (const std::string& id : *ids) {
    note(take_down(options, **engine, state, id));
    done_ids.push_back(id);
  }
  return finish();
}

}  // namespace fairlead::cli
