// Messages over the packet socket to the supervisor, with descriptors attached. Plain system calls:
// the agent has no C++ library. SPEC.md "Agent".
#pragma once

#include <cstddef>

namespace fairlead::agent {

// The socket at `path`, close-on-exec and blocking, or -1 and errno.
int connect_packets(const char* path);

// False: nobody is there any more.
bool send_packet(int channel, const void* data, std::size_t size, const int* descriptors = nullptr,
                 std::size_t count = 0);

// Blocks. Bytes of a message; 0: closed, or broken.
std::size_t receive_packet(int channel, void* data, std::size_t size);

}  // namespace fairlead::agent
