// Who has a host port that was wished for. SPEC.md "Registry".
#pragma once

#include <cstdint>
#include <string>

namespace fairlead::daemon {

struct HostPortHolder {
  bool taken = false;
  std::int64_t pid = 0;         // 0 = not visible to this user
  std::string command_line;     // printable
  std::string other_container;  // forwarded by another supervisor for this container
};

// Looks at this host's listeners and then, for the process, through /proc. `other_container` is the
// caller's to fill in. Blocks for some milliseconds: not for the loop's thread.
HostPortHolder find_host_port_holder(std::uint16_t host_port);

// "process 12 (nginx)", "the forward of container web", …; empty if nobody has it.
std::string to_string(const HostPortHolder& holder);

}  // namespace fairlead::daemon
