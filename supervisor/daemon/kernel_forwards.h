// Host ports whose connections the kernel sends into the container by itself. Whoever asks for one
// listens on it already, and goes on listening. SPEC.md "Kernel NAT". Thread rule: the loop's
// thread. Calls block as
// nat_way.h says.
#pragma once

#include <cstdint>

#include "base/endpoint.h"

namespace fairlead::daemon {

class KernelForwards {
 public:
  virtual ~KernelForwards() = default;
  // Connections to 127.0.0.1:host_port. False: it could not be had; the listener takes them.
  virtual bool set(std::uint16_t host_port, const base::Endpoint& target) = 0;
  virtual void remove(std::uint16_t host_port) = 0;
  virtual std::uint64_t connections(std::uint16_t host_port) const = 0;
};

}  // namespace fairlead::daemon
