// The engine's `run` arguments for a configuration. Pure. SPEC.md "Creation".
#pragma once

#include <string>
#include <vector>

#include "supervisor/workspace/container_maker.h"

namespace fairlead::workspace {

std::vector<std::string> container_arguments(const CreationPlan& plan);

// The user that `runArgs` set, by the last --user or -u; empty if they set none.
std::string user_of_run_args(const std::vector<std::string>& run_args);

}  // namespace fairlead::workspace
