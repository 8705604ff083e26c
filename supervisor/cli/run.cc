// fairlead run: a command in namespaces of its own, a supervisor beside it, and this process in
// front of it. SPEC.md "run".
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "base/file_lock.h"
#include "base/random.h"
#include "supervisor/cli/change_printer.h"
#include "supervisor/cli/console.h"
#include "supervisor/cli/foreground.h"
#include "supervisor/cli/forwarding.h"
#include "supervisor/cli/native_runs.h"
#include "supervisor/cli/options.h"
#include "supervisor/config/port_spec.h"
#include "supervisor/daemon/manage.h"
#include "supervisor/engine/native_endpoint.h"
#include "supervisor/engine/native_process.h"

namespace fairlead::cli {
namespace {

using config::Json;

constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;
constexpr std::size_t kNameDigits = 6;
// Others with this name start a supervisor each while they hold the lock.
constexpr auto kNamePatience = std::chrono::seconds(20);
// What has been announced as readable is there; this is for the rest of a line.
constexpr auto kLinePatience = std::chrono::milliseconds(1);

// What the host ports of a run are remembered by: its name, else where it was started. Not by its
// id, which no other run will have.
std::string workspace_of(const RunOptions& options) {
  std::error_code ignored;
  return "run:" +
         (options.name.empty() ? std::filesystem::current_path(ignored).string() : options.name);
}

class Run {
 public:
  Run(const RunOptions& options, daemon::SupervisorConfig config, engine::NativeProcess process)
      : options_(options), config_(std::move(config)), process_(std::move(process)) {}

  int execute(Foreground& foreground) {
    if (auto ready = forward(); !ready) {
      if (ready.error().code.value() == EEXIST) {
        warn(ready.error().context);
        return kFailure;
      }
      warn("ports are not forwarded: " + ready.error().message());
    }
    // The supervisor is nobody's child here; what the command leaves behind will be ours.
    foreground.adopt_orphans();
    int status = 0;
    if (auto started = process_.start(); started) {
      status = foreground.wait(process_, {[this] { return watched(); }, [this] { tell(); }});
    } else {
      warn(started.error().message());
      status = started.error().code.value() == ENOENT ? kNotFound : kNotExecutable;
    }
    foreground.end_orphans();
    clean_up();
    return status;
  }

 private:
  // EEXIST: the name is taken.
  base::Result<void> forward() {
    auto state = daemon::StateDirectory::create(config_.state_path);
    if (!state) return state.error();
    state_.emplace(std::move(*state));
    if (options_.name.empty()) return begin();  // nobody else's
    // From the question whether the name is free until our own marker says that it is not.
    const std::string lock_name = "name-" + config_.container_name + ".lock";
    auto lock = base::FileLock::acquire(state_->supervisors, lock_name, kNamePatience);
    if (!lock) return lock.error();
    auto begun = begin();
    lock->remove_file(state_->supervisors, lock_name);
    return begun;
  }

  base::Result<void> begin() {
    for (const daemon::Marker& marker : daemon::living_markers(state_->supervisors)) {
      if (marker.container_name != config_.container_name) continue;
      return base::errno_error(EEXIST, "the name \"" + config_.container_name +
                                           "\" is in use; choose another one with --name");
    }
    auto listing = daemon::ensure_supervisor(config_);
    if (!listing) return listing.error();
    show(*listing);
    auto client = daemon::ControlClient::connect(state_->supervisors, config_.container_id);
    if (!client) return client.error();
    if (auto sent = client->send({{"op", "watch"}}); !sent) return sent;
    client_.emplace(std::move(*client));
    return {};
  }

  int watched() const { return client_ ? client_->descriptor() : -1; }

  void tell() {
    for (;;) {
      const auto listing = client_->next(kLinePatience);
      if (!listing && listing.error().code.value() == ETIMEDOUT) return;
      // It ends with the command, too: nothing to speak of then.
      if (!base::pidfd_alive(process_.pidfd())) return client_.reset();
      if (!listing) {
        warn("the supervisor has ended; the ports of " + config_.container_name +
             " are no longer forwarded");
        return client_.reset();
      }
      show(*listing);
    }
  }

  void show(const Json& listing) {
    for (const Json& notice : listing.value("notices", Json::array())) {
      if (notice.is_string()) warn(notice.get<std::string>());
    }
    if (!options_.quiet) printer_(listing);
  }

  void clean_up() {
    client_.reset();
    if (!state_) return;
    const auto reaped = daemon::reap_supervisor(*state_, config_.container_id);
    if (!reaped) warn(reaped.error().message());
  }

  const RunOptions& options_;
  const daemon::SupervisorConfig config_;
  engine::NativeProcess process_;
  std::optional<daemon::StateDirectory> state_;
  std::optional<daemon::ControlClient> client_;
  ChangePrinter printer_;
};

}  // namespace

int run_run(const RunOptions& options) {
  daemon::SupervisorConfig config;
  auto rules = forwarding_rules(options.forwarding);
  if (!rules) return kUsageError;
  config.rules = std::move(*rules);
  const auto path = daemon::state_path(options.state.user_data_folder);
  if (!path) {
    warn(path.error().message());
    return kFailure;
  }
  Foreground foreground(options.pipe_ignored);
  auto process = engine::NativeProcess::prepare(options.command, foreground.caller());
  if (!process) {
    warn(process.error().message());
    return kFailure;
  }
  config.state_path = *path;
  config.container_id = base::random_digits(64);  // like a container's
  config.container_name =
      options.name.empty() ? "run-" + config.container_id.substr(0, kNameDigits) : options.name;
  config.engine_endpoint = engine::to_endpoint(
      {process->identity().pid, process->identity().start_ticks, config.container_name});
  config.workspace = workspace_of(options);
  config.log_level = options.state.log_level;
  config.log_format = options.state.log_format;
  return Run(options, std::move(config), std::move(*process)).execute(foreground);
}

}  // namespace fairlead::cli
