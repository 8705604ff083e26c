#include "relay/pair_dialer.h"

#include <fcntl.h>
#include <sys/socket.h>

namespace fairlead::relay {
namespace {

// The near end does not block. Empty if descriptors are short.
DialSocket pair_of_sockets() {
  DialSocket socket;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return socket;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);  // ours alone: the other may become a program's stdio
  socket.fd.reset(ends[0]);
  socket.far_end.reset(ends[1]);
  return socket;
}

}  // namespace

DialSocket PairDialer::reserve(const std::vector<base::Endpoint>& targets,
                               const std::function<void()>& when_ready) {
  (void)targets;
  {
    const std::lock_guard lock(mutex_);
    if (!ready_ || streams_ >= most_) {
      waiting_.join(when_ready);
      return {};
    }
    ++streams_;
  }
  DialSocket socket = pair_of_sockets();
  if (!socket.fd) one_less();  // descriptors are short: the acceptor tries again by itself
  return socket;
}

void PairDialer::unreserve(DialSocket socket) {
  (void)socket;
  one_less();
}

void PairDialer::set_ready(bool ready) {
  {
    const std::lock_guard lock(mutex_);
    ready_ = ready;
  }
  if (ready) waiting_.wake_all();
}

void PairDialer::one_less() {
  {
    const std::lock_guard lock(mutex_);
    --streams_;
  }
  waiting_.wake_all();
}

}  // namespace fairlead::relay
