// `userEnvProbe`: what the remote user's own shell makes of the environment in the container. The
// pure part: the words of the question, and what its answer means. SPEC.md "Environment".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/engine/engine.h"

namespace fairlead::workspace {

inline constexpr const char* kDefaultProbe = "loginInteractiveShell";

// A command for the container, run as the user. It prints the user's home and shell and, unless
// `kind` is "none", that shell's environment, each between marks. `mark` must be new each time:
// what startup files print must not be taken for it.
std::vector<std::string> probe_argv(const std::string& kind, const std::string& user,
                                    const std::string& mark);

struct ProbeAnswer {
  std::string home;   // empty = not known
  std::string shell;  // never empty
  engine::Variables environment;
};
// Nothing if there is no answer between the marks. PWD is left out: it was the shell's.
std::optional<ProbeAnswer> parse_probe(std::string_view output, const std::string& mark);

// Whether a shell could have a variable of that name.
bool is_variable_name(const std::string& name);

// The shell's PATH, with the container's own directories that it lacks put back in their order.
// Directories called sbin are put back for root alone.
std::string merge_paths(const std::string& of_shell, const std::string& of_container, bool root);

}  // namespace fairlead::workspace
