#include "relay/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/net.h"

namespace fairlead::relay {
namespace {

constexpr std::uint32_t kConnectionEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
constexpr std::uint32_t kUnclear = EPOLLHUP | EPOLLERR | EPOLLPRI;
constexpr std::uint32_t kReadable = EPOLLIN | EPOLLRDHUP | kUnclear;

Pump::Edge edge_of(std::uint32_t epoll_events) {
  if ((epoll_events & kUnclear) != 0) return Pump::Edge::kUnclear;
  return (epoll_events & EPOLLRDHUP) != 0 ? Pump::Edge::kEnd : Pump::Edge::kData;
}

int pending_error(int socket) {
  int error_number = 0;
  socklen_t length = sizeof error_number;
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error_number, &length);
  return error_number;
}

}  // namespace

Connection::Connection(EventLoop& loop, ConnectionOwner& owner, SharedRoute route,
                       base::UniqueFd client, DialSocket server)
    : loop_(&loop),
      owner_(&owner),
      route_(std::move(route)),
      client_(std::move(client)),
      server_(std::move(server)),
      server_side_(*this) {}

void Connection::start() {
  dial_next(base::errno_error(ECONNREFUSED, "nothing to dial"));
  if (state_ == State::kClosed) return;
  if (auto added = loop_->add(client_.get(), kConnectionEvents, this); !added) reset();
}

void Connection::dial_next(base::Error last_error) {
  while (next_target_ < route_->targets.size()) {
    const base::Endpoint& target = route_->targets[next_target_++];
    auto begun = route_->dialer->connect(server_, target);
    if (!begun) {
      last_error = begun.error();
      continue;
    }
    if (server_watched_) return;
    if (auto added = loop_->add(server_.fd.get(), kConnectionEvents, &server_side_); added) {
      server_watched_ = true;
      return;
    }
    last_error = base::errno_error(ENOMEM, "watch a connection");
    break;
  }
  owner_->dial_failed(last_error);
  close(true);
}

// A socket being dialled says OUT alone when it is connected, ERR or HUP when it is not.
// One end of a pair is connected from the beginning, and may have been left already.
void Connection::dial_result(std::uint32_t epoll_events) {
  if (server_.outcome) return connected();
  if ((epoll_events & (EPOLLERR | EPOLLHUP)) == 0) {
    if ((epoll_events & EPOLLOUT) != 0) connected();
    return;
  }
  const int failure = pending_error(server_.fd.get());
  if (failure == 0 && (epoll_events & EPOLLERR) == 0) return;
  const base::Endpoint& tried = route_->targets[next_target_ - 1];
  if (next_target_ < route_->targets.size()) {
    // The kernel wants to say once, to a connect(), that the last attempt has failed.
    (void)route_->dialer->connect(server_, tried);
  }
  dial_next(base::errno_error(failure, "connect " + tried.to_string()));
}

void Connection::connected() {
  const auto confirmed = route_->dialer->confirm(route_->targets[next_target_ - 1]);
  if (confirmed) {
    state_ = State::kOpen;
    return;
  }
  owner_->dial_failed(confirmed.error());
  close(true);
}

void Connection::on_events(std::uint32_t epoll_events) {
  if (!active()) return;
  if ((epoll_events & kReadable) != 0) to_container_.source_ready(edge_of(epoll_events));
  if (state_ == State::kOpen) progress();
  if (active() && (epoll_events & EPOLLERR) != 0) reset();
}

void Connection::on_server(std::uint32_t epoll_events) {
  if (!active()) return;
  if (state_ == State::kDialling) {
    dial_result(epoll_events);
    if (state_ != State::kOpen) return;
  }
  if ((epoll_events & kReadable) != 0) from_container_.source_ready(edge_of(epoll_events));
  progress();
  // A client that reads nothing would keep what was cut off behind it from being seen.
  const bool cut_off =
      (epoll_events & EPOLLHUP) != 0 && server_.outcome != nullptr && server_.outcome->broken;
  if (active() && ((epoll_events & EPOLLERR) != 0 || cut_off)) reset();
}

void Connection::on_turn() {
  deferred_ = false;
  if (state_ == State::kOpen) progress();
}

void Connection::progress() {
  const PumpTools tools{loop_->buffer(), EventLoop::kBufferSize, loop_->pipes()};
  const int client = client_.get();
  const int server = server_.fd.get();
  const PumpState to = to_container_.run(client, server, tools, from_container_.finished());
  // An end that may be none is passed on only when it has been looked at.
  const bool doubtful = server_.outcome != nullptr && !end_believed_;
  const PumpState from =
      from_container_.run(server, client, tools, to_container_.finished() || doubtful);
  if (to == PumpState::kBroken || from == PumpState::kBroken) return reset();
  if (doubtful && from == PumpState::kFinished) {
    if (server_.outcome->broken) {
      if (from_container_.bytes() == 0) {
        owner_->dial_failed(base::errno_error(
            ECONNREFUSED, "connect " + route_->targets.front().to_string() + " in the container"));
      }
      return reset();
    }
    end_believed_ = true;
    shutdown(client, SHUT_WR);
  }
  if (to_container_.finished() && from_container_.finished()) return close(false);
  if ((to == PumpState::kMore || from == PumpState::kMore) && !deferred_) {
    deferred_ = true;
    loop_->defer(this);
  }
  report();
  note_bulk();
}

void Connection::report() {
  owner_->moved(to_container_.bytes() - reported_to_, from_container_.bytes() - reported_from_);
  reported_to_ = to_container_.bytes();
  reported_from_ = from_container_.bytes();
}

void Connection::note_bulk() {
  const bool bulk = to_container_.bulk() || from_container_.bulk();
  if (bulk == bulk_) return;
  bulk_ = bulk;
  loop_->count_bulk_flow(bulk ? 1 : -1);
  if (bulk) owner_->became_bulk(*this);
}

void Connection::move_away() {
  state_ = State::kMoving;
  loop_->remove(client_.get(), this);
  loop_->remove(server_.fd.get(), &server_side_);
  if (std::exchange(deferred_, false)) loop_->forget_turn(this);
  if (bulk_) loop_->count_bulk_flow(-1);
}

// Watching anew tells of everything that is ready, so nothing that happened in between is lost.
void Connection::arrive(EventLoop& loop, ConnectionOwner& owner) {
  loop_ = &loop;
  owner_ = &owner;
  state_ = State::kOpen;
  if (bulk_) loop_->count_bulk_flow(1);
  const auto client = loop_->add(client_.get(), kConnectionEvents, this);
  const auto server = loop_->add(server_.fd.get(), kConnectionEvents, &server_side_);
  if (!client || !server) return reset();
  deferred_ = true;  // the last turn's budget may have been used up
  loop_->defer(this);
}

void Connection::reset() {
  if (state_ != State::kClosed) close(true);
}

void Connection::close(bool with_reset) {
  state_ = State::kClosed;
  if (with_reset) {
    base::reset_on_close(client_.get());
    base::reset_on_close(server_.fd.get());
    if (server_.outcome) server_.outcome->reset = true;
  }
  loop_->forget(this);
  loop_->forget(&server_side_);
  client_.reset();
  server_.fd.reset();
  server_.outcome.reset();
  if (std::exchange(bulk_, false)) loop_->count_bulk_flow(-1);
  report();
  owner_->ended(*this);
}

}  // namespace fairlead::relay
