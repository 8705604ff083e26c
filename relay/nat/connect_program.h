// The two programs of backend `connect`: what the kernel runs when a process of this host connects,
// and when it asks who its peer is. Pure: descriptors of maps and a cookie in, instructions out.
// SPEC.md "Kernel NAT". Thread rule: free functions.
#pragma once

#include <cstdint>

#include "relay/nat/bpf_assembler.h"

namespace fairlead::relay {

// As the programs and the maps know them. Addresses and ports in network order.
struct ConnectKey {
  std::uint32_t address = 0;
  std::uint16_t port = 0;
  std::uint16_t protocol = 0;  // IPPROTO_TCP, IPPROTO_UDP

  auto operator<=>(const ConnectKey&) const = default;
};
struct ConnectTarget {
  std::uint32_t address = 0;
  std::uint16_t port = 0;
  std::uint16_t unused = 0;
  std::uint64_t connections = 0;
};
// What a socket remembers of a connection that was sent elsewhere.
struct ConnectMemory {
  ConnectKey asked;
  std::uint32_t address = 0;
  std::uint16_t port = 0;
  std::uint16_t unused = 0;
};

// Attached as BPF_CGROUP_INET4_CONNECT. `targets`: hash of ConnectKey to ConnectTarget. `memory`:
// socket storage of ConnectMemory. `network`: SO_NETNS_COOKIE of the only network it acts in.
BpfProgram connect_program(int targets, int memory, std::uint64_t network);
// Attached as BPF_CGROUP_INET4_GETPEERNAME: who asked for 127.0.0.1 is told so.
BpfProgram peer_name_program(int memory);

}  // namespace fairlead::relay
