// How a relay gets a socket into the container.
//
// Two steps, so that a client is accepted only when its connection can be dialled at once:
// reserve() finds a socket, connect() uses it. SPEC.md "Relays". Thread rule: the data plane's
// thread, unless said otherwise. Nothing blocks.
#pragma once

#include <functional>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::relay {

struct DialSocket {
  base::UniqueFd fd;
  bool v6 = false;  // an AF_INET6 socket: IPv4 is dialled by mapped addresses
};

class Dialer {
 public:
  virtual ~Dialer() = default;

  // A socket that can reach every one of `targets`; empty if none is at hand. Then `when_ready` is
  // called once, as soon as it is worth trying again.
  virtual DialSocket reserve(const std::vector<base::Endpoint>& targets,
                             const std::function<void()>& when_ready) = 0;
  virtual void unreserve(DialSocket socket) = 0;

  // Descriptors are short: lets go of what is held ahead.
  virtual void relieve() = 0;

  // Begins to connect (success includes "in progress"). May be called again on a socket whose last
  // attempt failed.
  virtual base::Result<void> connect(const DialSocket& socket, const base::Endpoint& target) = 0;
};

}  // namespace fairlead::relay
