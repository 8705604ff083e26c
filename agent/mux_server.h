// The agent as the far end of a multiplexed connection: dials in the container for whoever is at
// the other end of its stdin and stdout, and tells of the container's listeners. SPEC.md "Mux".
#pragma once

#include <string>

namespace fairlead::agent {

// Until its stdin ends, or nobody has been heard for 15 s; blocks. Empty, or what went wrong.
std::string serve_mux(const std::string& nonce);

}  // namespace fairlead::agent
