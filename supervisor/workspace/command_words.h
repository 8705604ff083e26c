// The commands of a lifecycle property as words to run. Pure. SPEC.md "Lifecycle".
#pragma once

#include <string>
#include <vector>

#include "supervisor/config/devcontainer_config.h"

namespace fairlead::workspace {

struct CommandWords {
  std::string name;  // of a member of an object; empty for a single command
  std::vector<std::string> argv;
};

// A string by way of /bin/sh -c, an array as it is; empty ones are left out.
std::vector<CommandWords> command_words(const config::LifecycleCommand& command);

}  // namespace fairlead::workspace
