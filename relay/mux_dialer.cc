#include "relay/mux_dialer.h"

#include <cerrno>

namespace fairlead::relay {

using target::StreamOutcome;

void MuxDialer::use(target::mux::Channel* channel) {
  {
    const std::lock_guard lock(mutex_);
    channel_ = channel;
  }
  set_ready(channel != nullptr);
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

}  // namespace fairlead::relay
