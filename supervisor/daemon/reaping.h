// Ending many supervisors at once: what `down` of a whole project does. SPEC.md "down".
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/daemon/state_directory.h"

namespace fairlead::daemon {

// reap_supervisor() of each container, eight at a time, by threads of this call's own; they start
// no processes. What came of it, in the same order. Blocks, bounded.
std::vector<base::Result<bool>> reap_supervisors(const StateDirectory& state,
                                                 const std::vector<std::string>& container_ids);

// Ends a workspace's supervisors of other services of its project (markers with a `service`), but
// for those of `kept` containers. Trouble is left to the next `down`.
void reap_other_services(const std::string& state_path, const std::string& workspace,
                         const std::set<std::string>& kept);

}  // namespace fairlead::daemon
