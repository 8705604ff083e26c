#include "supervisor/cli/native_runs.h"

#include <poll.h>

#include <csignal>

#include "supervisor/cli/console.h"
#include "supervisor/daemon/manage.h"
#include "supervisor/engine/native_endpoint.h"
#include "target/init_process.h"

namespace fairlead::cli {
namespace {

constexpr auto kKillPatience = std::chrono::seconds(2);
// Shorter ones are rather a container's name.
constexpr std::size_t kShortestPrefix = 6;

bool has_ended(const base::UniqueFd& pidfd, std::chrono::milliseconds patience) {
  pollfd entry{pidfd.get(), POLLIN, 0};
  return poll(&entry, 1, static_cast<int>(patience.count())) > 0;
}

}  // namespace

std::vector<daemon::Marker> native_runs(const daemon::StateDirectory& state) {
  std::vector<daemon::Marker> runs;
  for (const std::string& name : state.supervisors.list()) {
    if (name.starts_with('.') || !name.ends_with(".json")) continue;
    auto marker = daemon::read_marker(state.supervisors, name.substr(0, name.size() - 5));
    if (marker && engine::parse_native_endpoint(marker->engine_endpoint)) {
      runs.push_back(std::move(*marker));
    }
  }
  return runs;
}

std::optional<daemon::Marker> find_native_run(const base::Result<std::string>& state_path,
                                              const std::string& word) {
  const auto state = state_path ? daemon::StateDirectory::open(*state_path)
                                : base::Result<daemon::StateDirectory>(state_path.error());
  if (!state || word.empty()) return std::nullopt;
  std::optional<daemon::Marker> found;
  for (daemon::Marker& marker : native_runs(*state)) {
    const bool by_id = word.size() >= kShortestPrefix && marker.container_id.starts_with(word);
    if (marker.container_name != word && !by_id) continue;
    // A name may occur twice, once as that of a run whose supervisor was killed.
    if (!found || native_process(marker)) found = std::move(marker);
  }
  return found;
}

std::optional<base::UniqueFd> native_process(const daemon::Marker& marker) {
  const auto run = engine::parse_native_endpoint(marker.engine_endpoint);
  if (!run || marker.process.boot_id != base::current_boot_id()) return std::nullopt;
  auto pidfd = base::open_pidfd({run->pid, run->start_ticks, marker.process.boot_id});
  const auto init = target::InitProcess::open(run->pid);
  if (!pidfd || !init || init->shares_our_network().value_or(true)) return std::nullopt;
  if (!init->has_own_user_namespace() || !base::pidfd_alive(*pidfd)) return std::nullopt;
  return std::move(*pidfd);
}

base::Result<void> end_native_run(const daemon::StateDirectory& state, const daemon::Marker& marker,
                                  std::chrono::seconds patience) {
  if (const auto process = native_process(marker)) {
    say("Stopping run " + marker.container_name);
    if (auto sent = base::send_signal(*process, SIGTERM); !sent) return sent;
    if (!has_ended(*process, patience)) {
      if (auto sent = base::send_signal(*process, SIGKILL); !sent) return sent;
      if (!has_ended(*process, kKillPatience)) {
        return base::plain_error("run " + marker.container_name + " cannot be ended");
      }
    }
  }
  const auto reaped = daemon::reap_supervisor(state, marker.container_id);
  if (!reaped) return reaped.error();
  return {};
}

}  // namespace fairlead::cli
