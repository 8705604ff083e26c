// Fresh sockets made inside a container's network namespace: what everything else hangs on.
//
// A socket keeps the namespace it was made in, whoever holds it. Providers keep a pool of them
// ahead of demand, so that a new connection costs no round trip. SPEC.md "Namespace sockets".
#pragma once

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "base/unique_fd.h"
#include "target/socket_kind.h"

namespace fairlead::target {

class NamespaceSockets {
 public:
  virtual ~NamespaceSockets() = default;

  // Any thread; never blocks. A non-blocking, close-on-exec, unconnected socket with TCP_NODELAY,
  // or an empty descriptor: none is at hand, and the refill listener is called when there is.
  virtual base::UniqueFd take(SocketKind kind) = 0;
  // Gives back a socket that was taken and not used. Any thread.
  virtual void give_back(SocketKind kind, base::UniqueFd socket) = 0;
  // Descriptors are short: lets go of about half of what is held ahead. Any thread.
  virtual void relieve() = 0;
  // False once the namespace is known to have no sockets of this kind (IPv6 compiled out).
  virtual bool supports(SocketKind kind) const = 0;
};

}  // namespace fairlead::target
