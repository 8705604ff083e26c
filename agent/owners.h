// Who holds a listening socket, as the container's own procfs shows it. SPEC.md "Agent".
#pragma once

#include <cstddef>
#include <cstdint>

namespace fairlead::agent {

// Sends an OwnerReply for each of the sockets whose process can be found, and the one that closes
// the list. False: nobody is there any more.
bool answer_owners(int channel, const std::uint64_t* inodes, std::size_t count);

}  // namespace fairlead::agent
