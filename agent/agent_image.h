// The agent's program as this program carries it, and its name. SPEC.md "Agent".
#pragma once

#include <string>
#include <string_view>

namespace fairlead::agent {

std::string_view agent_program();

// "agent-" and the first 16 digits of the program's SHA-256: another version has another name.
const std::string& agent_name();

}  // namespace fairlead::agent
