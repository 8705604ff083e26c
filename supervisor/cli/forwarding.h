// From what the command line says about forwarding to a supervisor's rules.
#pragma once

#include <optional>

#include "supervisor/cli/options.h"
#include "supervisor/daemon/supervisor_config.h"

namespace fairlead::cli {

// Nothing if a word is no port specification; it has been named on stderr then.
std::optional<daemon::ForwardingRules> forwarding_rules(const ForwardingOptions& options);

}  // namespace fairlead::cli
