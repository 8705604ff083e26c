#include "relay/socket_pair.h"

#include <fcntl.h>
#include <sys/socket.h>

namespace fairlead::relay {

DialSocket pair_of_sockets() {
  DialSocket socket;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return socket;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);  // ours alone: the other may become a program's stdio
  socket.fd.reset(ends[0]);
  socket.far_end.reset(ends[1]);
  return socket;
}

}  // namespace fairlead::relay
