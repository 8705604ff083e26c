#include "supervisor/workspace/up.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdlib>
#include <set>

#include "base/file_lock.h"
#include "supervisor/config/devcontainer_config.h"
#include "supervisor/daemon/listing.h"
#include "supervisor/daemon/manage.h"
#include "supervisor/workspace/container_arguments.h"
#include "supervisor/workspace/identity.h"
#include "supervisor/workspace/lifecycle.h"
#include "supervisor/workspace/mount.h"

namespace fairlead::workspace {
namespace {

using config::DevcontainerConfig;
using config::Json;

constexpr auto kLockPatience = std::chrono::minutes(30);
constexpr auto kLockGlance = std::chrono::milliseconds(200);

std::optional<std::string> host_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

class Up {
 public:
  Up(engine::Engine& engine, const UpRequest& request,
     const std::function<void(const std::string&)>& say)
      : engine_(engine), request_(request), say_(say) {}

  base::Result<UpResult> run() {
    if (auto loaded = load(); !loaded) return loaded.error();
    const auto lock = lock_workspace();
    if (!lock) return lock.error();
    if (auto found = find_or_create(); !found) return found.error();
    base::Result<void> forwarding;
    if (request_.auto_forward) forwarding = start_supervisor();
    if (auto done = run_lifecycle(); !done) return done.error();
    if (request_.auto_forward && forwarding) forwarding = announce();
    if (!forwarding) {
      if (request_.strict_forwarding) return forwarding.error();
      say_("fairlead: ports are not forwarded: " + forwarding.error().message());
    }
    return UpResult{container_.id, remote_user(), mount_.folder};
  }

 private:
  base::Result<void> load() {
    identity_.folder = request_.folder;
    identity_.id_labels = request_.id_labels;
    identity_.config_file = request_.config_path;
    if (identity_.config_file.empty()) {
      auto path = config::find_config_file(request_.folder);
      if (!path) return path.error();
      identity_.config_file = std::move(*path);
    }
    const auto source = config::load_config_source(identity_.config_file);
    if (!source) return source.error();
    const Json* raw = &source->json;
    mount_ = default_mount(request_.folder, request_.mount_git_root);
    config::VariableContext variables;
    variables.local_workspace_folder = request_.folder;
    variables.devcontainer_id = config::devcontainer_id(identity_.labels());
    variables.local_env = host_environment;
    // The folder in the container may itself be written with the host's variables.
    if (raw->contains("workspaceFolder") && (*raw)["workspaceFolder"].is_string()) {
      mount_.folder = config::substitute((*raw)["workspaceFolder"].get<std::string>(), variables);
    }
    variables.container_workspace_folder = mount_.folder;
    auto parsed = config::parse_config(*raw, identity_.config_file, variables, &*source);
    if (!parsed) return parsed.error();
    config_ = std::move(*parsed);
    if (auto possible = check_supported(); !possible) return possible;
    if (config_.workspace_mount) mount_.mount = *config_.workspace_mount;
    for (const std::string& warning : config_.warnings) say_("fairlead: " + warning);
    return {};
  }

  // What would make another container than the one asked for is an error, not a warning.
  base::Result<void> check_supported() const {
    const char* property = config_.build               ? "build"
                           : config_.compose           ? "dockerComposeFile"
                           : !config_.features.empty() ? "features"
                                                       : nullptr;
    if (property == nullptr) return {};
    return base::plain_error(config_.path + ": \"" + property +
                             "\" is not supported yet; only \"image\" configurations are");
  }

  // One `up` at a time on one workspace. The lock is on the folder itself: nothing is created.
  base::Result<base::FileLock> lock_workspace() {
    const auto open_folder = [&] {
      return base::UniqueFd(open(request_.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    };
    base::UniqueFd folder = open_folder();
    if (!folder) return base::errno_error("open " + request_.folder);
    auto lock = base::FileLock::acquire(std::move(folder), request_.folder, kLockGlance);
    if (lock || lock.error().code.value() != ETIMEDOUT) return lock;
    say_("Waiting for another fairlead up on " + request_.folder);
    return base::FileLock::acquire(open_folder(), request_.folder, kLockPatience);
  }

  base::Result<void> find_or_create() {
    auto found = find_container(engine_, identity_);
    if (!found) return found.error();
    if (*found && request_.remove_existing) {
      if (auto removed = remove(**found); !removed) return removed;
      found->reset();
    }
    if (*found) return reuse(std::move(**found));
    if (request_.expect_existing) {
      return base::plain_error("there is no container for " + request_.folder +
                               " (--expect-existing-container)");
    }
    return create();
  }

  base::Result<void> remove(const target::Target& container) {
    say_("Removing container " + container.name);
    const auto path = daemon::state_path(request_.user_data_folder);
    if (!path) return path.error();
    if (auto state = daemon::StateDirectory::open(*path); state) {
      if (auto reaped = daemon::reap_supervisor(*state, container.id); !reaped) {
        return reaped.error();
      }
    }
    return engine_.remove(container.id);
  }

  base::Result<void> reuse(target::Target container) {
    if (!container.running) {
      say_("Starting container " + container.name);
      if (auto started = engine_.start(container.id); !started) return started;
    }
    return look_at(container.id);
  }

  base::Result<void> create() {
    say_("Creating a container from image " + config_.image);
    config_.image_metadata = engine_.image_label(config_.image, kMetadataLabel);
    const auto id = engine_.run(
        container_arguments(config_, mount_, identity_.labels(), !request_.auto_forward));
    if (!id) return id.error();
    return look_at(*id);
  }

  base::Result<void> look_at(const std::string& id) {
    auto container = engine_.inspect(id);
    if (!container) return container.error();
    container_ = std::move(*container);
    if (!container_.running) {
      return base::plain_error("container " + container_.name + " ended at once; see docker logs " +
                               container_.name);
    }
    return {};
  }

  std::string remote_user() const {
    if (!config_.remote_user.empty()) return config_.remote_user;
    if (!config_.container_user.empty()) return config_.container_user;
    return container_.user.empty() ? "root" : container_.user;
  }

  base::Result<void> start_supervisor() {
    const auto path = daemon::state_path(request_.user_data_folder);
    if (!path) return path.error();
    daemon::SupervisorConfig supervisor;
    supervisor.state_path = *path;
    supervisor.engine_endpoint = engine_.endpoint();
    supervisor.engine_cli = engine_.cli_path();
    supervisor.container_id = container_.id;
    supervisor.container_name = container_.name;
    supervisor.workspace = request_.folder;
    supervisor.log_level = request_.log_level;
    supervisor.log_format = request_.log_format;
    supervisor.rules = request_.rules;
    supervisor.rules.attributes = config_.attributes;
    supervisor.rules.config_file = identity_.config_file;
    config::merge_declared(supervisor.rules.declared, config_.forward_ports);
    for (const std::uint16_t port : config_.app_ports) {
      config::merge_declared(supervisor.rules.declared, {{port, "", 0}});
    }
    const auto listing = daemon::ensure_supervisor(supervisor);
    if (!listing) return listing.error();
    say_notices(*listing);
    return {};
  }

  // Each is told once, by whatever answer comes first.
  void say_notices(const Json& listing) {
    for (const Json& notice : listing.value("notices", Json::array())) {
      const std::string text = notice.get<std::string>();
      if (told_.insert(text).second) say_("fairlead: " + text);
    }
  }

  base::Result<void> run_lifecycle() {
    if (request_.skip_lifecycle) return {};
    const LifecycleContext context{engine_, config_, container_, remote_user(), mount_.folder};
    if (auto done = run_create_commands(context); !done) return done;
    return run_start_commands(context);
  }

  // What is forwarded now that the lifecycle commands have started what they start.
  base::Result<void> announce() {
    const auto path = daemon::state_path(request_.user_data_folder);
    if (!path) return path.error();
    const auto state = daemon::StateDirectory::open(*path);
    if (!state) return state.error();
    const auto listing = daemon::ask_listing(state->supervisors, container_.id, true);
    if (!listing) return listing.error();
    std::string not_forwarded;
    std::string not_as_asked;
    say_notices(*listing);
    for (const Json& forward : listing->value("forwards", Json::array())) {
      if (const auto line = daemon::announcement(forward)) say_(*line);
      if (daemon::is_missing(forward)) {
        not_forwarded += " " + std::to_string(forward.value("containerPort", 0));
      }
      if (!forward.value("relayAsAsked", true)) {
        not_as_asked += " " + std::to_string(forward.value("containerPort", 0));
      }
    }
    if (request_.strict_forwarding && !not_as_asked.empty()) {
      return base::plain_error("ports that the relay asked for cannot carry:" + not_as_asked);
    }
    if (request_.strict_forwarding && !not_forwarded.empty()) {
      return base::plain_error("declared ports that are not forwarded:" + not_forwarded);
    }
    return {};
  }

  engine::Engine& engine_;
  const UpRequest& request_;
  const std::function<void(const std::string&)>& say_;
  Identity identity_;
  DevcontainerConfig config_;
  WorkspaceMount mount_;
  target::Target container_;
  std::set<std::string> told_;
};

}  // namespace

base::Result<UpResult> up(engine::Engine& engine, const UpRequest& request,
                          const std::function<void(const std::string&)>& say) {
  return Up(engine, request, say).run();
}

}  // namespace fairlead::workspace
