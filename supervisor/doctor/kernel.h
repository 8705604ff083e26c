// What the kernel has, each thing tried. judge_kernel() is pure. SPEC.md "doctor".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/doctor/finding.h"

namespace fairlead::doctor {

// The outcome of a trial: 0, or an errno.
struct KernelFacts {
  std::string release;
  int pidfd_error = 0;
  int cookie_error = 0;         // SO_NETNS_COOKIE
  std::string diag_trouble;     // of listing our own listeners; empty: works
  std::string events_trouble;   // of subscribing to closed listeners
  std::string nat_trouble;      // why the kernel cannot be told to carry connections
  std::string nat_backend;      // what it could be told by: "BPF", "nftables"
  std::string cgroup_mount;     // of version 2, hybrid or alone; empty: none
  std::int64_t pipe_bytes = 0;  // granted to a pipe that asks for as much as a relay does
  std::optional<std::int64_t> pipe_pages_soft;
  int v6_loopback_error = 0;
};

// Tries everything on our own processes and sockets; needs no privilege. Does not block.
KernelFacts read_kernel_facts();
Findings judge_kernel(const KernelFacts& facts);

}  // namespace fairlead::doctor
