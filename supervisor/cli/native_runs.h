// Finding and ending what `fairlead run` has started, by the markers of its supervisors. No engine
// is asked. SPEC.md "run". Calls block, bounded.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/process_identity.h"
#include "base/result.h"
#include "supervisor/daemon/marker.h"
#include "supervisor/daemon/state_directory.h"

namespace fairlead::cli {

// Markers of native runs, those of killed supervisors included.
std::vector<daemon::Marker> native_runs(const daemon::StateDirectory& state);
// The run with this name, or whose id begins so (6 characters at least).
std::optional<daemon::Marker> find_native_run(const base::Result<std::string>& state_path,
                                              const std::string& word);

// The command's process, pinned, if it lives and is what the marker says: the process with that
// start time in this boot, in a network namespace other than ours. No marker leads to a process
// that could not be a run's.
std::optional<base::UniqueFd> native_process(const daemon::Marker& marker);

// SIGTERM, after `patience` SIGKILL; then the supervisor and everything it holds.
base::Result<void> end_native_run(const daemon::StateDirectory& state, const daemon::Marker& marker,
                                  std::chrono::seconds patience);

}  // namespace fairlead::cli
