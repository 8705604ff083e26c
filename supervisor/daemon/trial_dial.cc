#include "supervisor/daemon/trial_dial.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "base/net.h"
#include "base/unique_fd.h"

namespace fairlead::daemon {
namespace {

using boost::system::error_code;
using Descriptor = boost::asio::posix::stream_descriptor;

constexpr auto kDialPatience = std::chrono::milliseconds(1000);

}  // namespace

void TrialDial::start(const base::Endpoint& endpoint) {
  words_ = "dial " + endpoint.to_string();
  const base::SocketAddress address = base::to_socket_address(endpoint);
  base::UniqueFd fd(
      socket(address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return finish_later(base::errno_error(words_));
  if (connect(fd.get(), address.get(), address.length) != 0 && errno != EINPROGRESS) {
    return finish_later(base::errno_error(words_));
  }
  socket_.assign(fd.release());
  wait();
  deadline_.expires_after(kDialPatience);
  deadline_.async_wait([self = shared_from_this(), this](error_code code) {
    if (!code) finish(base::errno_error(ETIMEDOUT, words_));
  });
}

void TrialDial::abandon() {
  done_ = nullptr;
  close();
}

void TrialDial::wait() {
  socket_.async_wait(Descriptor::wait_write, [self = shared_from_this(), this](error_code code) {
    if (code) return;
    if (base::ready_now(socket_.native_handle(), POLLOUT) == 0) return wait();
    finish(result());
  });
}

base::Result<void> TrialDial::result() {
  int failure = 0;
  socklen_t size = sizeof failure;
  getsockopt(socket_.native_handle(), SOL_SOCKET, SO_ERROR, &failure, &size);
  if (failure != 0) return base::errno_error(failure, words_);
  return {};
}

// Never from within start(): whoever starts is not ready for an answer yet.
void TrialDial::finish_later(base::Error error) {
  deadline_.expires_after(std::chrono::milliseconds(0));
  deadline_.async_wait(
      [self = shared_from_this(), this, error = std::move(error)](error_code) { finish(error); });
}

void TrialDial::finish(base::Result<void> outcome) {
  if (const auto done = std::exchange(done_, nullptr)) done(std::move(outcome));
  close();
}

void TrialDial::close() {
  error_code ignored;
  socket_.close(ignored);
  deadline_.cancel();
}

}  // namespace fairlead::daemon
