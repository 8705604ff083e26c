// Compose as a program: found, asked, let work. SPEC.md "Compose".
// Thread rule: one thread, and no other in the program (children). Blocks.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/engine/compose_arguments.h"
#include "supervisor/engine/engine.h"

namespace fairlead::engine {

// `chosen` (--docker-compose-path) if given; else the engine's own `compose` if it answers, else
// `docker-compose`. An error says what is missing.
base::Result<ComposeTool> find_compose(const Engine& engine, const std::string& chosen);

// What the command prints on stdout; its message on stderr is the error's. For short questions.
base::Result<std::string> ask_compose(const std::vector<std::string>& argv);
// Whatever the command prints goes to stderr. `what` names it in the error: "build".
base::Result<void> run_compose(const std::vector<std::string>& argv, const std::string& what);

}  // namespace fairlead::engine
