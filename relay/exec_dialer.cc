#include "relay/exec_dialer.h"

#include <cerrno>

#include "relay/socket_pair.h"

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
  DialSocket socket = pair_of_sockets();
  if (!socket.fd) one_less();  // descriptors are short: the acceptor tries again by itself
  return socket;
}

void ExecDialer::unreserve(DialSocket socket) {
  (void)socket;
  one_less();
}

base::Result<void> ExecDialer::connect(DialSocket& socket, const base::Endpoint& target) {
  if (!socket.far_end) return base::errno_error(ECONNREFUSED, "connect " + target.to_string());
  const auto outcome = std::make_shared<target::StreamOutcome>();
  socket.outcome = outcome;
  channel_->connect_stream(target::connect_command(tools_, target), std::move(socket.far_end),
                           [self = shared_from_this(), outcome](int status) {
                             outcome->broken = status != 0;
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
