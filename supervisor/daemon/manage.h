// What commands do with supervisors: find, start, reconfigure, replace, reap. SPEC.md "Supervisor".
// Calls block, bounded.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/result.h"
#include "supervisor/config/jsonc.h"
#include "supervisor/daemon/control_client.h"
#include "supervisor/daemon/state_directory.h"
#include "supervisor/daemon/supervisor_config.h"

namespace fairlead::daemon {

// Makes sure that exactly one supervisor of this program's version or newer runs with these rules,
// whoever else is doing the same right now. Returns its listing.
// `merge` adds to the rules of one that runs already instead of replacing them.
base::Result<config::Json> ensure_supervisor(const SupervisorConfig& config, bool merge = false);

// Ends the supervisor of a container, if there is one, and settles what a killed one has left: asks
// first; then by signal, but only a process that is proven to be the holder of the container's
// lock. One reaps at a time (the reaping lock); blocks up to 25 s. True if one was running.
base::Result<bool> reap_supervisor(const StateDirectory& state, const std::string& container_id);

// Removes the files of a supervisor that is dead, under its instance lock, and settles its leases.
// False: a living one holds the lock or another settles it, and nothing was touched. Does not
// block.
bool settle_supervisor(const StateDirectory& state, const std::string& container_id);

// The listing after a fresh scan.
base::Result<config::Json> ask_listing(const base::PrivateDirectory& supervisors,
                                       const std::string& container_id, bool sync);

}  // namespace fairlead::daemon
