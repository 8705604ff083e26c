#include "relay/exec_dialer.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

namespace fairlead::relay {

DialSocket ExecDialer::reserve(const std::vector<base::Endpoint>& targets,
                               const std::function<void()>& when_ready) {
  (void)targets;
  {
    const std::lock_guard lock(mutex_);
    if (running_ >= kMostAtOnce) {
      waiting_.push_back(when_ready);
      return {};
    }
    ++running_;
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    one_less();
    return {};  // descriptors are short: the acceptor tries again by itself
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);  // ours alone: the program expects an ordinary stdio
  DialSocket socket;
  socket.fd.reset(ends[0]);
  socket.far_end.reset(ends[1]);
  return socket;
}

void ExecDialer::unreserve(DialSocket socket) {
  (void)socket;
  one_less();
}

base::Result<void> ExecDialer::connect(DialSocket& socket, const base::Endpoint& target) {
  if (!socket.far_end) return base::errno_error(ECONNREFUSED, "connect " + target.to_string());
  const auto broken = std::make_shared<std::atomic<bool>>(false);
  socket.broken = broken;
  channel_->connect_stream(target::connect_command(tools_, target), std::move(socket.far_end),
                           [self = shared_from_this(), broken](int status) {
                             *broken = status != 0;
                             self->one_less();
                           });
  return {};
}

void ExecDialer::one_less() {
  std::vector<std::function<void()>> waiting;
  {
    const std::lock_guard lock(mutex_);
    --running_;
    waiting.swap(waiting_);
  }
  for (const auto& wake : waiting) wake();
}

}  // namespace fairlead::relay
