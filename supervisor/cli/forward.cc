#include <cerrno>

#include "supervisor/cli/change_printer.h"
#include "supervisor/cli/console.h"
#include "supervisor/cli/forwarding.h"
#include "supervisor/cli/native_runs.h"
#include "supervisor/cli/options.h"
#include "supervisor/cli/selection.h"
#include "supervisor/config/port_spec.h"
#include "supervisor/daemon/listing.h"
#include "supervisor/daemon/manage.h"
#include "supervisor/daemon/supervisor_process.h"
#include "supervisor/engine/side_container.h"
#include "supervisor/workspace/identity.h"

namespace fairlead::cli {
namespace {

using config::Json;

void announce(const Json& listing) {
  for (const Json& notice : listing.value("notices", Json::array())) {
    warn(notice.get<std::string>());
  }
  for (const Json& forward : listing.value("forwards", Json::array())) {
    if (const auto line = daemon::announcement(forward)) say(*line);
  }
}

// The folder whose container this is; what its host ports are remembered by.
std::string workspace_of(const target::Target& container) {
  const auto folder = container.labels.find(workspace::kFolderLabel);
  return folder != container.labels.end() ? folder->second : "container:" + container.id;
}

int stop_supervisor(const daemon::SupervisorConfig& config) {
  const auto state = daemon::StateDirectory::open(config.state_path);
  if (!state) {
    say("Nothing is forwarded for container " + config.container_name);
    return kSuccess;
  }
  const auto reaped = daemon::reap_supervisor(*state, config.container_id);
  if (!reaped) {
    warn(reaped.error().message());
    return kFailure;
  }
  say(*reaped ? "Stopped forwarding for container " + config.container_name
              : "Nothing is forwarded for container " + config.container_name);
  return kSuccess;
}

// Starts a supervisor, or gives one that runs the new rules.
int attach(const ForwardOptions& options, const daemon::SupervisorConfig& config) {
  if (options.foreground) return daemon::supervise_in_foreground(config, ChangePrinter());
  const auto listing = daemon::ensure_supervisor(config, true);
  if (!listing) {
    warn(listing.error().message());
    return kFailure;
  }
  announce(*listing);
  return kSuccess;
}

// A native run needs no engine: its supervisor's marker says everything.
int forward_native(const ForwardOptions& options, const daemon::Marker& marker,
                   const std::string& state_path, const daemon::ForwardingRules& rules) {
  daemon::SupervisorConfig config;
  config.state_path = state_path;
  config.engine_endpoint = marker.engine_endpoint;
  config.container_id = marker.container_id;
  config.container_name = marker.container_name;
  config.workspace = marker.workspace;
  config.log_level = options.state.log_level;
  config.log_format = options.state.log_format;
  config.rules = rules;
  if (options.stop) return stop_supervisor(config);
  if (!native_process(marker)) {
    warn("run " + marker.container_name + " has ended");
    return kFailure;
  }
  return attach(options, config);
}

}  // namespace

int run_forward(const ForwardOptions& options) {
  daemon::SupervisorConfig config;
  auto rules = forwarding_rules(options.forwarding);
  if (!rules) return kUsageError;
  config.rules = std::move(*rules);
  const auto path = daemon::state_path(options.state.user_data_folder);
  if (const auto run = find_native_run(path, options.container)) {
    return forward_native(options, *run, *path, config.rules);
  }
  auto engine = engine::open_engine(options.engine);
  if (!path || !engine) {
    warn(path ? engine.error().message() : path.error().message());
    return kFailure;
  }
  const auto container = (*engine)->inspect(options.container);
  if (!container) {
    warn(container.error().code.value() == ENOENT
             ? "there is no container \"" + options.container + "\""
             : container.error().message());
    return kFailure;
  }
  config.state_path = *path;
  config.engine_endpoint = (*engine)->address().text;
  config.engine_cli = (*engine)->address().cli;
  config.container_id = container->id;
  config.container_name = container->name;
  config.workspace = workspace_of(*container);
  config.log_level = options.state.log_level;
  config.log_format = options.state.log_format;
  if (options.stop) return stop_supervisor(config);
  if (!container->running) {
    warn("container " + container->name + " is not running; start it first");
    return kFailure;
  }
  if (config.rules.sidecar) {
    if (auto made = engine::ensure_side_image(**engine); !made) {
      warn("--sidecar: " + made.error().message());
      return kFailure;
    }
  }
  return attach(options, config);
}

}  // namespace fairlead::cli
