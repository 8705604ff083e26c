// The story of one port in plain words, from what its supervisor says and what this host shows.
// Pure. SPEC.md "why".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "supervisor/config/jsonc.h"

namespace fairlead::cli {

// Who listens on the host port that was wished for, if it is not ours.
struct HostPortHolder {
  bool taken = false;
  std::int64_t pid = 0;         // 0 = not visible to this user
  std::string command_line;     // printable
  std::string other_container;  // forwarded by another supervisor for this container
};

// "process 12 (nginx)", "another fairlead forward (container web)", ...
std::string to_string(const HostPortHolder& holder);

// Lines "name        words", a heading first. `story` is a supervisor's answer to "why".
std::vector<std::string> tell_story(const config::Json& story, const HostPortHolder& holder);

}  // namespace fairlead::cli
