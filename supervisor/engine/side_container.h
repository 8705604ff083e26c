// A container beside another one, in its network and in nothing else of it: where the agent runs
// for a container that was made without its directory. SPEC.md "Agent".
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/engine/engine.h"

namespace fairlead::engine {

// The label by which one is known, with the id of the container that it stands beside.
inline constexpr const char* kSideLabel = "fairlead.side-of";

// Makes the image that they are made from, unless it is there: nothing is pulled, and there is
// nothing in it. Blocks; progress on stderr.
base::Result<void> ensure_side_image(Engine& engine);

// Runs, without waiting, the program that the next words name in such a container, from `directory`
// of this host, which it may read at target::kAgentMount. It is gone with its program. Pure.
std::vector<std::string> side_container_command(const std::vector<std::string>& engine_command,
                                                const std::string& container_id,
                                                const std::string& directory);

}  // namespace fairlead::engine
