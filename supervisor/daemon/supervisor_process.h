// A supervisor as a process: started, detached, ready by handshake, run to its end.
// SPEC.md "Supervisor".
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "supervisor/daemon/supervisor_config.h"

namespace fairlead::daemon {

inline constexpr int kHandshakeFd = 3;

enum class LaunchOutcome {
  kReady,           // it runs; `listing` is its first
  kAlreadyRunning,  // another one holds the container's lock
};
struct Launch {
  LaunchOutcome outcome = LaunchOutcome::kReady;
  config::Json listing;
};

// Re-executes this program as a detached supervisor and waits for its first complete scan. Blocks,
// bounded. The error is the supervisor's own reason for not starting.
base::Result<Launch> launch_supervisor(const SupervisorConfig& config);

// `fairlead __supervise`: takes the configuration from descriptor 3, detaches, runs. Returns the
// exit status (of the intermediate process, too).
int supervise_detached();

// Runs a supervisor in this process until it ends by a signal, a request or removal. `on_change`
// gets the listing after every change.
int supervise_in_foreground(const SupervisorConfig& config,
                            const std::function<void(const config::Json&)>& on_change);

}  // namespace fairlead::daemon
