// The engine's `build` words for a configuration's Dockerfile. Pure. SPEC.md "Creation".
#pragma once

#include <string>
#include <vector>

#include "supervisor/config/devcontainer_config.h"

namespace fairlead::workspace {

// What the image built for a workspace is called, by the reference CLI, too:
// vsc-<the folder's name>-<SHA-256 of the folder>.
std::string image_name(const std::string& folder);

// Options first, the context last.
std::vector<std::string> build_arguments(const config::ImageBuild& build, const std::string& name);

}  // namespace fairlead::workspace
