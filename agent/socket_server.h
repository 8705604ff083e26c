// The agent as a maker of sockets: connects to the supervisor's socket, which lies in a directory
// that is mounted into the container, and makes what it is asked for. SPEC.md "Agent".
#pragma once

namespace fairlead::agent {

// Until the supervisor has gone; blocks. 0, or the errno of connecting to `path`.
int serve_sockets(const char* path);

}  // namespace fairlead::agent
