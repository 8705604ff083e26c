#include "relay/mux_dialer.h"

#include <cerrno>

#include "relay/socket_pair.h"

namespace fairlead::relay {

using target::StreamOutcome;

void MuxDialer::use(target::mux::Channel* channel) {
  {
    const std::lock_guard lock(mutex_);
    channel_ = channel;
  }
  if (channel != nullptr) wake_all();
}

DialSocket MuxDialer::reserve(const std::vector<base::Endpoint>& targets,
                              const std::function<void()>& when_ready) {
  (void)targets;
  {
    const std::lock_guard lock(mutex_);
    if (channel_ == nullptr || streams_ >= kMostAtOnce) {
      waiting_.push_back(when_ready);
      return {};
    }
    ++streams_;
  }
  DialSocket socket = pair_of_sockets();
  if (!socket.fd) one_less();  // descriptors are short: the acceptor tries again by itself
  return socket;
}

void MuxDialer::unreserve(DialSocket socket) {
  (void)socket;
  one_less();
}

base::Result<void> MuxDialer::connect(DialSocket& socket, const base::Endpoint& target) {
  if (!socket.far_end) return base::errno_error(ECONNREFUSED, "connect " + target.to_string());
  // Whoever lets go of it last has seen the stream's end.
  socket.outcome.reset(new StreamOutcome, [self = shared_from_this()](const StreamOutcome* gone) {
    delete gone;
    self->one_less();
  });
  const std::lock_guard lock(mutex_);
  if (channel_ == nullptr) return base::errno_error(ENOTCONN, "connect " + target.to_string());
  channel_->open(target, std::move(socket.far_end), socket.outcome);
  return {};
}

void MuxDialer::one_less() {
  {
    const std::lock_guard lock(mutex_);
    --streams_;
  }
  wake_all();
}

void MuxDialer::wake_all() {
  std::vector<std::function<void()>> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting.swap(waiting_);
  }
  for (const auto& wake : waiting) wake();
}

}  // namespace fairlead::relay
