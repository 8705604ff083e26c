// Which process holds a listening socket: its pid (as the host sees it) and command line.
//
// Looks through the descriptors of the processes in the container's network namespace; takes
// permission to see them (root, or the same user). What comes back is the container's own text:
// bounded, unprintable bytes replaced. SPEC.md "Detection".
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace fairlead::detect {

struct OwnerProcess {
  std::int64_t pid = 0;
  std::string command_line;  // arguments joined by spaces
};

// Blocks for some milliseconds on a machine with many processes: not for the loop's thread. Inodes
// whose owner cannot be seen are absent.
std::map<std::uint64_t, OwnerProcess> find_owners(const std::set<std::uint64_t>& socket_inodes,
                                                  std::int64_t init_pid);

// Pure: a /proc/PID/cmdline as one printable line of at most `limit` bytes.
std::string printable_command_line(std::string_view raw, std::size_t limit = 256);

}  // namespace fairlead::detect
