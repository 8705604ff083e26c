#include "relay/exec_dialer.h"

#include <cerrno>

namespace fairlead::relay {

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

}  // namespace fairlead::relay
