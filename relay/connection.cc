#include "relay/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/net.h"

namespace fairlead::relay {
namespace {

constexpr std::uint32_t kWatched = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
// A short read proves nothing after these: the end, or data behind an urgent byte, is still to
// come.
constexpr std::uint32_t kReadOn = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;

int pending_error(int socket) {
  int error_number = 0;
  socklen_t length = sizeof error_number;
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error_number, &length);
  return error_number;
}

}  // namespace

Connection::Connection(EventLoop& loop, ConnectionOwner& owner, Dialer& dialer,
                       base::UniqueFd client, DialSocket server, DialTargets targets)
    : loop_(loop),
      owner_(owner),
      dialer_(dialer),
      client_(std::move(client)),
      server_(std::move(server)),
      server_side_(*this),
      targets_(std::move(targets)) {}

void Connection::start() {
  dial_next(base::errno_error(ECONNREFUSED, "nothing to dial"));
  if (state_ == State::kClosed) return;
  if (auto added = loop_.add(client_.get(), kWatched, this); !added) reset();
}

void Connection::dial_next(base::Error last_error) {
  while (next_target_ < targets_->size()) {
    const base::Endpoint& target = (*targets_)[next_target_++];
    auto begun = dialer_.connect(server_, target);
    if (!begun) {
      last_error = begun.error();
      continue;
    }
    if (server_watched_) return;
    if (auto added = loop_.add(server_.fd.get(), kWatched, &server_side_); added) {
      server_watched_ = true;
      return;
    }
    last_error = base::errno_error(ENOMEM, "watch a connection");
    break;
  }
  owner_.dial_failed(last_error);
  close(true);
}

// A socket being dialled says OUT alone when it is connected, ERR or HUP when it is not.
void Connection::dial_result(std::uint32_t epoll_events) {
  if ((epoll_events & (EPOLLERR | EPOLLHUP)) == 0) {
    if ((epoll_events & EPOLLOUT) != 0) state_ = State::kOpen;
    return;
  }
  const int failure = pending_error(server_.fd.get());
  if (failure == 0 && (epoll_events & EPOLLERR) == 0) return;
  const base::Endpoint& tried = (*targets_)[next_target_ - 1];
  if (next_target_ < targets_->size()) {
    // The kernel wants to say once, to a connect(), that the last attempt has failed.
    (void)dialer_.connect(server_, tried);
  }
  dial_next(base::errno_error(failure, "connect " + tried.to_string()));
}

void Connection::on_events(std::uint32_t epoll_events) {
  if (state_ == State::kClosed) return;
  if ((epoll_events & (EPOLLIN | kReadOn)) != 0) {
    to_container_.source_ready((epoll_events & kReadOn) != 0);
  }
  if (state_ == State::kOpen) progress();
  if (state_ != State::kClosed && (epoll_events & EPOLLERR) != 0) reset();
}

void Connection::on_server(std::uint32_t epoll_events) {
  if (state_ == State::kClosed) return;
  if (state_ == State::kDialling) {
    dial_result(epoll_events);
    if (state_ != State::kOpen) return;
  }
  if ((epoll_events & (EPOLLIN | kReadOn)) != 0) {
    from_container_.source_ready((epoll_events & kReadOn) != 0);
  }
  progress();
  if (state_ != State::kClosed && (epoll_events & EPOLLERR) != 0) reset();
}

void Connection::on_turn() {
  deferred_ = false;
  if (state_ == State::kOpen) progress();
}

void Connection::progress() {
  const int client = client_.get();
  const int server = server_.fd.get();
  char* buffer = loop_.buffer();
  const PumpState to =
      to_container_.run(client, server, buffer, EventLoop::kBufferSize, from_container_.finished());
  const PumpState from =
      from_container_.run(server, client, buffer, EventLoop::kBufferSize, to_container_.finished());
  if (to == PumpState::kBroken || from == PumpState::kBroken) return reset();
  if (to_container_.finished() && from_container_.finished()) return close(false);
  if ((to == PumpState::kMore || from == PumpState::kMore) && !deferred_) {
    deferred_ = true;
    loop_.defer(this);
  }
  owner_.moved(to_container_.bytes() - reported_to_, from_container_.bytes() - reported_from_);
  reported_to_ = to_container_.bytes();
  reported_from_ = from_container_.bytes();
}

void Connection::reset() {
  if (state_ != State::kClosed) close(true);
}

void Connection::close(bool with_reset) {
  state_ = State::kClosed;
  if (with_reset) {
    base::reset_on_close(client_.get());
    base::reset_on_close(server_.fd.get());
  }
  loop_.remove(client_.get());
  if (server_watched_) loop_.remove(server_.fd.get());
  client_.reset();
  server_.fd.reset();
  owner_.moved(to_container_.bytes() - reported_to_, from_container_.bytes() - reported_from_);
  owner_.ended(*this);
}

}  // namespace fairlead::relay
