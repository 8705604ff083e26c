// Where a pool of namespace sockets gets them from: a process in the container's network namespace,
// at the other end of a packet socket (target/socket_protocol.h).
//
// Thread rule: the loop's thread. Nothing blocks. SPEC.md "Namespace sockets".
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::target {

class SocketSource {
 public:
  // The packet socket, on which kJoined comes first.
  using Opened = std::function<void(base::Result<base::UniqueFd>)>;
  virtual ~SocketSource() = default;

  // Starts the process. `opened` is called once, perhaps before this returns; not after drop().
  virtual void open(Opened opened) = 0;
  // Ends the process, whatever has become of it.
  virtual void drop() = 0;
  virtual std::int64_t pid() const = 0;  // on this machine; 0 = none that we could name
  // Whether it is ours: then its sockets are what it says they are, and it always answers.
  virtual bool trusted() const = 0;
  // A message that brought no sockets. False: it makes no sense, and the process is given up.
  virtual bool take_message(const void* data, std::size_t size) = 0;
};

}  // namespace fairlead::target
