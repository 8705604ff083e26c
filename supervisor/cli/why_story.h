// The story of one port in plain words, from what its supervisor says and what this host shows.
// Pure. SPEC.md "why".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "supervisor/config/jsonc.h"
#include "supervisor/daemon/host_port_holder.h"

namespace fairlead::cli {

using daemon::HostPortHolder;

// Lines "name        words", a heading first. `story` is a supervisor's answer to "why".
std::vector<std::string> tell_story(const config::Json& story, const HostPortHolder& holder);

}  // namespace fairlead::cli
