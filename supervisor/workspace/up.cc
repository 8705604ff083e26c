#include "supervisor/workspace/up.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "base/file_lock.h"
#include "base/net.h"
#include "base/random.h"
#include "supervisor/config/variables.h"
#include "supervisor/daemon/manage.h"
#include "supervisor/workspace/choose_maker.h"
#include "supervisor/workspace/host_command.h"
#include "supervisor/workspace/reference_tool.h"
#include "supervisor/workspace/secrets.h"
#include "target/agent_directory.h"

namespace fairlead::workspace {
namespace {

using Say = std::function<void(const std::string&)>;

constexpr auto kLockPatience = std::chrono::minutes(30);
constexpr auto kLockGlance = std::chrono::milliseconds(200);

// One `up` at a time on one workspace. The lock is on the folder itself: nothing is created.
base::Result<base::FileLock> lock_workspace(const std::string& path, const Say& say) {
  const auto open_folder = [&] {
    return base::UniqueFd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  };
  base::UniqueFd folder = open_folder();
  if (!folder) return base::errno_error("open " + path);
  auto lock = base::FileLock::acquire(std::move(folder), path, kLockGlance);
  if (lock || lock.error().code.value() != ETIMEDOUT) return lock;
  say("Waiting for another fairlead up on " + path);
  return base::FileLock::acquire(open_folder(), path, kLockPatience);
}

// Whether the process that an engine's socket belongs to is one that we can see.
bool is_on_this_machine(const engine::EngineAddress& engine) {
  if (!engine.is_local_socket()) return false;
  const auto connection = base::connect_unix(engine.text);
  ucred peer{};
  socklen_t length = sizeof peer;
  return connection &&
         getsockopt(connection->get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
         peer.pid != 0;
}

std::string random_suffix() { return "-" + base::random_digits(8); }

// The steps of one `up`, in the order in which they are written here.
class Up {
 public:
  Up(engine::Engine& engine, const UpRequest& request, const Say& say)
      : engine_(engine), request_(request), say_(say), forwarding_(request.forwarding, say) {}

  base::Result<UpResult> run() {
    if (auto loaded = load(); !loaded) return loaded.error();
    const auto lock = lock_workspace(folder(), say_);
    if (!lock) return lock.error();
    if (auto there = find_or_create(); !there) return there.error();
    if (auto known = complete(); !known) return known.error();
    base::Result<void> forwarding;
    if (request_.auto_forward) {
      forwarding = forwarding_.start(engine_, configuration_, container_, maker_->nat_wishes());
    }
    if (auto done = run_commands(); !done) return done.error();
    if (request_.auto_forward && forwarding) forwarding = forwarding_.announce();
    if (!forwarding) {
      if (request_.forwarding.strict) return forwarding.error();
      say_("fairlead: ports are not forwarded: " + forwarding.error().message());
    }
    return result();
  }

 private:
  const std::string& folder() const { return request_.configuration.folder; }

  // 1. What the files say.
  base::Result<void> load() {
    auto loaded = Configuration::load(request_.configuration);
    if (!loaded) return loaded.error();
    configuration_ = std::move(*loaded);
    if (!request_.secrets_file.empty()) {
      auto secrets = load_secrets(request_.secrets_file);
      if (!secrets) return secrets.error();
      lifecycle_.secrets = std::move(*secrets);
    }
    say_warnings();
    for (const std::string& warning : missing_on_this_machine(engine_, configuration_)) {
      say_("fairlead: " + warning);
    }
    return {};
  }

  // 2. A container that exists and runs, and in the configuration whatever it has inherited.
  base::Result<void> find_or_create() {
    // It may be what makes a Compose project's files complete.
    if (configuration_.config().compose) {
      if (auto done = initialize(); !done) return done;
    }
    auto maker = choose_maker({engine_, configuration_, say_, request_.compose_path});
    if (!maker) return maker.error();
    maker_ = std::move(*maker);
    for (const std::string& warning : maker_->warnings()) say_("fairlead: " + warning);
    auto found = maker_->find();
    if (!found) return found.error();
    if (*found && request_.remove_existing) {
      if (auto removed = remove(**found); !removed) return removed;
      found->reset();
    }
    if (*found) return reuse(**found);
    if (request_.expect_existing) {
      return base::plain_error("there is no container for " + folder() +
                               " (--expect-existing-container)");
    }
    return configuration_.config().features.empty() ? create() : create_with_features();
  }

  base::Result<void> remove(const target::Target& container) {
    say_("Removing container " + container.name);
    const auto path = daemon::state_path(request_.forwarding.user_data_folder);
    if (!path) return path.error();
    if (auto state = daemon::StateDirectory::open(*path); state) {
      if (auto reaped = daemon::reap_supervisor(*state, container.id); !reaped) {
        return reaped.error();
      }
    }
    auto removed = maker_->remove(container);
    if (removed) remove_agent_directory(container.agent_source);
    return removed;
  }

  // What the agent will need. A trouble is no reason not to make the container: there are other
  // ways into it.
  std::string agent_directory() {
    if (!is_on_this_machine(engine_.address())) return {};  // it could not mount what is here
    const auto path = daemon::state_path(request_.forwarding.user_data_folder);
    const auto state = path ? base::PrivateDirectory::create(*path)
                            : base::Result<base::PrivateDirectory>(path.error());
    // Each container has its own: an older one's may still be about to be removed.
    const std::string name =
        config::devcontainer_id(configuration_.identity().labels()).substr(0, 12) + random_suffix();
    const auto directory = state ? target::AgentDirectory::create(*state, name)
                                 : base::Result<target::AgentDirectory>(state.error());
    if (directory) return directory->path();
    say_("fairlead: no directory for the agent: " + directory.error().message());
    return {};
  }

  void remove_agent_directory(const std::string& source) {
    const auto path = daemon::state_path(request_.forwarding.user_data_folder);
    if (!path) return;
    if (auto state = base::PrivateDirectory::open(*path); state) {
      target::AgentDirectory::remove(*state, source);
    }
  }

  base::Result<void> initialize() {
    if (std::exchange(initialized_, true)) return {};
    return run_initialize_command(configuration_.config(), folder(), say_);
  }

  base::Result<void> reuse(const target::Target& container) {
    if (request_.configuration.id_labels.empty() && !container.labels.contains(kConfigLabel)) {
      if (auto known = configuration_.identify_by_folder(); !known) return known;
    }
    if (auto done = initialize(); !done) return done;
    if (auto resumed = maker_->resume(container); !resumed) return resumed;
    if (auto seen = look_at(container.id); !seen) return seen;
    return merge_metadata_of(engine_, container_, configuration_);
  }

  base::Result<void> create() {
    if (auto done = initialize(); !done) return done;
    CreationOptions options = request_.creation;
    if (request_.auto_forward) options.agent_directory = agent_directory();
    const auto id = create_container(engine_, *maker_, configuration_, options, say_);
    if (!id) {
      remove_agent_directory(options.agent_directory);
      return id.error();
    }
    compose_project_ = maker_->compose_project();
    return look_at(*id);
  }

  base::Result<void> create_with_features() {
    const ConfigurationRequest& configuration = request_.configuration;
    const auto made = create_by_tool(
        {folder(), configuration.config_path, configuration.override_path, configuration.id_labels,
         request_.mount_flags, engine_.address().cli, request_.compose_path,
         request_.creation.uid_mode, configuration.mount_git_root},
        say_);
    if (!made) return made.error();
    compose_project_ = made->compose_project;
    if (auto seen = look_at(made->container_id); !seen) return seen;
    return merge_metadata_of(engine_, container_, configuration_);
  }

  base::Result<void> look_at(const std::string& id) {
    auto container = engine_.inspect(id);
    if (!container) return container.error();
    container_ = std::move(*container);
    if (compose_project_.empty()) compose_project_ = maker_->compose_project();
    if (!container_.running) {
      return base::plain_error("container " + container_.name + " ended at once; see docker logs " +
                               container_.name);
    }
    return {};
  }

  // 3. What only the running container knows.
  base::Result<void> complete() {
    if (auto known = configuration_.complete(container_.environment); !known) return known;
    say_warnings();
    user_ = std::make_unique<RemoteUser>(engine_, configuration_.config(), container_,
                                         configuration_.mount().folder, request_.remote);
    return {};
  }

  // 4. The commands inside.
  base::Result<void> run_commands() {
    if (request_.skip_lifecycle) return {};
    lifecycle_.stop_after_wait_for = request_.lifecycle.stop_after_wait_for;
    lifecycle_.skip_post_attach = request_.lifecycle.skip_post_attach;
    lifecycle_.dotfiles = request_.lifecycle.dotfiles;
    return run_lifecycle({engine_, configuration_.config(), container_, *user_, lifecycle_, say_});
  }

  UpResult result() const {
    return {container_.id,          compose_project_,
            user_->name(),          configuration_.mount().folder,
            configuration_.shown(), configuration_.shown_merged()};
  }

  void say_warnings() {
    for (const std::string& warning : configuration_.new_warnings()) say_("fairlead: " + warning);
  }

  engine::Engine& engine_;
  const UpRequest& request_;
  const Say& say_;
  Forwarding forwarding_;
  Configuration configuration_;
  LifecycleOptions lifecycle_;
  bool initialized_ = false;
  std::unique_ptr<ContainerMaker> maker_;
  std::string compose_project_;
  target::Target container_;
  std::unique_ptr<RemoteUser> user_;
};

}  // namespace

base::Result<UpResult> up(engine::Engine& engine, const UpRequest& request, const Say& say) {
  return Up(engine, request, say).run();
}

}  // namespace fairlead::workspace
