// Binding a host port on both loopback addresses. The bound listener is the truth about a port;
// whatever a file says is a hint. SPEC.md "Host side".
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::registry {

struct BoundPort {
  std::uint16_t port = 0;
  base::UniqueFd v4;       // listening on 127.0.0.1
  base::UniqueFd v6;       // listening on ::1, or empty
  std::string v6_missing;  // why v6 is empty, in words
};

// Listens on 127.0.0.1:port and, if it is free, [::1]:port. Fails if 127.0.0.1 cannot be had:
// EADDRINUSE, EACCES.
base::Result<BoundPort> bind_port(std::uint16_t port);

}  // namespace fairlead::registry
