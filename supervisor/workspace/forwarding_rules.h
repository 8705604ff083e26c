// The rules of a supervisor, from the command line, devcontainer.json and a person's own file.
// Pure. SPEC.md "up".
#pragma once

#include <cstddef>
#include <optional>

#include "supervisor/config/devcontainer_config.h"
#include "supervisor/daemon/supervisor_config.h"

namespace fairlead::workspace {

// `by_flags`: declared ports and relay. `max_by_flag`: beats what files say of the cap. `own`: the
// customizations, with the personal file's applied.
daemon::ForwardingRules forwarding_rules(const daemon::ForwardingRules& by_flags,
                                         std::optional<std::size_t> max_by_flag,
                                         const config::DevcontainerConfig& config,
                                         const config::Customizations& own);

}  // namespace fairlead::workspace
