#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "base/text_file.h"
#include "supervisor/cli/console.h"
#include "supervisor/cli/options.h"
#include "supervisor/cli/selection.h"
#include "supervisor/daemon/log.h"

namespace fairlead::cli {
namespace {

constexpr int kFollowPollMs = 200;

// Names of the logs that a selection means: those of living supervisors, else every log there is
// that fits the container.
std::vector<std::string> wanted_logs(const daemon::StateDirectory& state,
                                     const SelectOptions& select) {
  std::vector<std::string> names;
  for (const daemon::Marker& marker : select_supervisors(state, select)) {
    names.push_back(daemon::log_name(marker.container_id));
  }
  if (!names.empty()) return names;
  for (const std::string& name : state.logs.list()) {
    if (!name.ends_with(".log")) continue;
    if (select.workspace_folder.empty() &&
        (select.container_id.empty() || select.container_id.starts_with(name.substr(0, 12)) ||
         name.starts_with(select.container_id))) {
      names.push_back(name);
    }
  }
  return names;
}

bool copy(const base::UniqueFd& file) {
  char buffer[65536];
  for (;;) {
    const ssize_t count = read(file.get(), buffer, sizeof buffer);
    if (count <= 0) return true;
    const base::UniqueFd out(dup(STDOUT_FILENO));
    if (!base::write_all(out, {buffer, static_cast<std::size_t>(count)}, "standard output")) {
      return false;
    }
  }
}

}  // namespace

int run_logs(const LogsOptions& options) {
  const auto path = daemon::state_path(options.state.user_data_folder);
  const auto state = path ? daemon::StateDirectory::open(*path)
                          : base::Result<daemon::StateDirectory>(path.error());
  if (!state && state.error().code.value() != ENOENT) {
    warn(state.error().message());
    return kFailure;
  }
  const auto names = state ? wanted_logs(*state, options.select) : std::vector<std::string>();
  if (names.empty()) {
    warn("there is no supervisor's log here; fairlead up --auto-forward starts one");
    return kFailure;
  }
  if (options.follow && names.size() > 1) {
    warn("several supervisors have logs; choose one with --container-id");
    return kUsageError;
  }
  for (const std::string& name : names) {
    const auto file = state->logs.open_file(name, O_RDONLY);
    if (!file) {
      warn(file.error().message());
      return kFailure;
    }
    if (names.size() > 1) say("==> " + name + " <==");
    while (copy(*file) && options.follow) poll(nullptr, 0, kFollowPollMs);
  }
  return kSuccess;
}

}  // namespace fairlead::cli
