// How a Compose service's container is started, where devcontainer.json wants it otherwise than the
// service says. Pure. SPEC.md "Compose".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "supervisor/engine/engine.h"
#include "supervisor/workspace/compose_config.h"
#include "supervisor/workspace/compose_override.h"

namespace fairlead::workspace {

// `overridden`: nothing of the service's or the image's own start is kept, and the container stays.
// Otherwise `entrypoints`, which come from the image's metadata, run before that start. Neither:
// nothing is to be changed.
std::optional<ComposeStart> compose_start(bool overridden,
                                          const std::vector<std::string>& entrypoints,
                                          const ComposeService& service,
                                          const engine::ImageDescription& image);

}  // namespace fairlead::workspace
