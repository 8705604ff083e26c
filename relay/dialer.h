// How a relay gets a socket into the container.
//
// Three steps. A client is accepted only when its connection can be dialled at once: reserve()
// finds a socket, connect() uses it. And not a byte is passed on before confirm() has agreed that
// whoever answered is the container. SPEC.md "Relays". Thread rule: any data plane thread, unless
// said otherwise; several at once. Nothing blocks.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "target/stream_outcome.h"

namespace fairlead::relay {

struct DialSocket {
  base::UniqueFd fd;
  bool v6 = false;  // an AF_INET6 socket: IPv4 is dialled by mapped addresses
  std::shared_ptr<target::StreamOutcome> outcome;  // where the socket itself cannot tell
  base::UniqueFd far_end;  // for a dialer that makes both ends itself; gone once it has dialled
};

class Dialer {
 public:
  virtual ~Dialer() = default;

  // A socket that can reach every one of `targets`; empty if none is at hand. Then `when_ready` is
  // called, on any thread, as soon as it is worth trying again.
  virtual DialSocket reserve(const std::vector<base::Endpoint>& targets,
                             const std::function<void()>& when_ready) = 0;
  virtual void unreserve(DialSocket socket) = 0;

  // Descriptors are short: lets go of what is held ahead.
  virtual void relieve() = 0;

  // Begins to connect (success includes "in progress"). May be called again on a socket whose last
  // attempt failed.
  virtual base::Result<void> connect(DialSocket& socket, const base::Endpoint& target) = 0;

  // Connected: whether this is still the container. An error resets the connection.
  virtual base::Result<void> confirm(const base::Endpoint& target) {
    (void)target;
    return {};
  }
};

// Where a relay's connections go, and by whom they are dialled.
struct Route {
  std::shared_ptr<Dialer> dialer;
  // Dialled in this order until one answers. One socket serves them all, and having tried a mapped
  // IPv4 address it cannot go back to IPv6 (the kernel keeps its IPv4 operations): IPv6 first.
  std::vector<base::Endpoint> targets;
};
using SharedRoute = std::shared_ptr<const Route>;

}  // namespace fairlead::relay
