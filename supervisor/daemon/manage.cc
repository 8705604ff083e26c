#include "supervisor/daemon/manage.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>

#include <cerrno>
#include <csignal>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/file_lock.h"
#include "base/process_identity.h"
#include "registry/registry_file.h"
#include "supervisor/daemon/control_protocol.h"
#include "supervisor/daemon/marker.h"
#include "supervisor/daemon/supervisor_process.h"
#include "supervisor/version.h"
#include "target/agent_directory.h"

namespace fairlead::daemon {
namespace {

using config::Json;
using std::chrono::milliseconds;

// Until what was asked for has been acted on: thousands of ports take their time.
constexpr auto kDonePatience = milliseconds(15'000);
constexpr auto kHelloPatience = milliseconds(3'000);
constexpr auto kEndPatience = milliseconds(5'000);
constexpr auto kKillPatience = milliseconds(2'000);
// As long as another may take who ends the same supervisor, in order of politeness.
constexpr auto kReapPatience = milliseconds(15'000);
// One that is starting binds its control socket within milliseconds.
constexpr auto kUnreachablePatience = std::chrono::seconds(2);
// Only ever reached when many do the same at once on a machine that is busy already.
constexpr auto kEnsurePatience = std::chrono::seconds(15);

bool wait_for_end(const base::UniqueFd& pidfd, milliseconds patience) {
  pollfd entry{pidfd.get(), POLLIN, 0};
  return poll(&entry, 1, static_cast<int>(patience.count())) > 0;
}

// The process that holds the container's instance lock, by the kernel's word alone: whatever a
// marker says, it must have the lock file open. 0 = nobody.
std::int64_t instance_holder(const base::PrivateDirectory& supervisors,
                             const std::string& container_id) {
  const auto file = supervisors.open_file(lock_name(container_id), O_RDWR);
  // Shared, so that whoever looks is taken for the holder by nobody else who looks.
  if (!file || flock(file->get(), LOCK_SH | LOCK_NB) == 0) return 0;  // free: nobody's
  const auto marker = read_marker(supervisors, container_id);
  for (const std::int64_t pid : {base::lock_holder(*file), marker ? marker->process.pid : 0}) {
    if (pid > 0 && base::has_open(pid, *file)) return pid;
  }
  return 0;
}

// Asks it to end; true once it has.
bool end_by_request(const StateDirectory& state, const std::string& container_id) {
  auto client = ControlClient::connect(state.supervisors, container_id);
  if (!client) return false;
  const auto pidfd = base::open_pidfd(client->peer_pid());
  if (!client->ask({{"op", "stop"}}, kHelloPatience)) return false;
  return pidfd && wait_for_end(*pidfd, kEndPatience);
}

// Ends whoever holds the lock, in order of politeness.
base::Result<void> end_by_signal(const StateDirectory& state, const std::string& container_id,
                                 std::int64_t holder) {
  auto pidfd = base::open_pidfd(holder);
  if (!pidfd) return {};  // gone already
  // The number is pinned now; it must still be the lock's holder.
  if (instance_holder(state.supervisors, container_id) != holder) return {};
  for (const int signal_number : {SIGTERM, SIGKILL}) {
    (void)base::send_signal(*pidfd, signal_number);
    if (wait_for_end(*pidfd, kKillPatience)) return {};
  }
  return base::plain_error("the supervisor (process " + std::to_string(holder) +
                           ") cannot be ended");
}

// REQUIRES: the reaping lock. Whoever settles holds the instance lock for a moment, and another
// that reaped just then would take it for the supervisor.
bool settle(const StateDirectory& state, const std::string& container_id, milliseconds patience) {
  auto lock = base::FileLock::acquire(state.supervisors, lock_name(container_id), patience);
  if (!lock) return false;  // a successor has it
  const bool left_something = state.supervisors.remove(marker_name(container_id));
  state.supervisors.remove(socket_name(container_id));
  target::AgentDirectory::remove(state.base,
                                 state.base.path_of("agents/" + side_directory_name(container_id)));
  lock->remove_file(state.supervisors, lock_name(container_id));
  const auto self = base::identify_self();
  if (left_something && self) registry::RegistryFile(state.base, *self).prune();
  return true;
}

}  // namespace

base::Result<Json> ask_listing(const base::PrivateDirectory& supervisors,
                               const std::string& container_id, bool sync) {
  auto client = ControlClient::connect(supervisors, container_id);
  if (!client) return client.error();
  return client->ask({{"op", "list"}, {"sync", sync}}, sync ? kDonePatience : kAnswerPatience);
}

base::Result<bool> reap_supervisor(const StateDirectory& state, const std::string& container_id) {
  auto reaping =
      base::FileLock::acquire(state.supervisors, reap_lock_name(container_id), kReapPatience);
  if (!reaping) return reaping.error();
  bool was_running = end_by_request(state, container_id);
  if (!was_running) {
    if (const std::int64_t holder = instance_holder(state.supervisors, container_id); holder > 0) {
      was_running = true;
      if (auto ended = end_by_signal(state, container_id, holder); !ended) {
        reaping->remove_file(state.supervisors, reap_lock_name(container_id));
        return ended.error();
      }
    }
  }
  (void)settle(state, container_id, kKillPatience);
  reaping->remove_file(state.supervisors, reap_lock_name(container_id));
  return was_running;
}

bool settle_supervisor(const StateDirectory& state, const std::string& container_id) {
  auto reaping = base::FileLock::acquire(state.supervisors, reap_lock_name(container_id), {});
  if (!reaping) return false;  // another is about it
  const bool settled = settle(state, container_id, {});
  reaping->remove_file(state.supervisors, reap_lock_name(container_id));
  return settled;
}

base::Result<Json> ensure_supervisor(const SupervisorConfig& config, bool merge) {
  const auto deadline = base::steady_now() + kEnsurePatience;
  base::Backoff backoff(milliseconds(10), milliseconds(200));
  base::Error last = base::plain_error("the supervisor cannot be reached");
  base::SteadyTime unreachable_since{};  // the clock's zero: it is not
  while (base::steady_now() < deadline) {
    auto state = StateDirectory::create(config.state_path);
    if (!state) return state.error();
    auto client = ControlClient::connect(state->supervisors, config.container_id);
    if (client) {
      const auto hello = client->ask({{"op", "hello"}}, kHelloPatience);
      if (hello && hello->value("v", 0) > kControlVersion) {
        return base::plain_error("the running supervisor belongs to a newer fairlead (" +
                                 hello->value("version", std::string("?")) + "); use that one");
      }
      if (hello && !is_older_version(hello->value("version", ""), kVersion)) {
        auto listing =
            client->ask({{"op", "configure"}, {"rules", to_json(config.rules)}, {"merge", merge}},
                        kDonePatience);
        if (listing) return listing;
        last = listing.error();
      } else if (!hello && hello.error().code.value() != ETIMEDOUT) {
        last = hello.error();  // it is just leaving
      } else {
        // Older than this program, or it does not answer: replaced. Its host ports are remembered.
        if (auto reaped = reap_supervisor(*state, config.container_id); !reaped) {
          return reaped.error();
        }
      }
    } else {
      auto launched = launch_supervisor(config);
      if (launched && launched->outcome == LaunchOutcome::kReady) {
        return std::move(launched->listing);
      }
      if (!launched) {
        last = launched.error();
        if (last.code.value() != ETIMEDOUT) return last;
      }
      // One runs, but its control socket is gone: it is of no use to anybody.
      const auto now = base::steady_now();
      const bool reachable = unreachable_since == base::SteadyTime{};
      if (launched && reachable) unreachable_since = now;
      if (!reachable && now - unreachable_since > kUnreachablePatience) {
        unreachable_since = {};
        if (auto reaped = reap_supervisor(*state, config.container_id); !reaped) {
          return reaped.error();
        }
      }
    }
    poll(nullptr, 0, static_cast<int>(backoff.next().count()));
  }
  return last;
}

}  // namespace fairlead::daemon
