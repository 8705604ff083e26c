#include "relay/relay_shard.h"

#include <algorithm>

namespace fairlead::relay {
namespace {

// One thread writes: no read-modify-write needed.
void bump(std::atomic<std::uint64_t>& counter, std::uint64_t by) {
  counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}
void drop_one(std::atomic<std::uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
}

}  // namespace

RelayStats RelayShard::stats() const {
  const std::lock_guard lock(mutex_);
  return {open_.load(std::memory_order_relaxed),   total_.load(std::memory_order_relaxed),
          failed_.load(std::memory_order_relaxed), to_.load(std::memory_order_relaxed),
          from_.load(std::memory_order_relaxed),   last_error_};
}

void RelayShard::start(const std::vector<SharedListener>& listeners,
                       std::vector<std::weak_ptr<RelayShard>> siblings) {
  siblings_ = std::move(siblings);
  for (const SharedListener& listener : listeners) {
    auto acceptor = Acceptor::start(loop_, listener, *this);
    if (acceptor) {
      acceptors_.push_back(std::move(*acceptor));
    } else {
      note_error(acceptor.error());
    }
  }
}

void RelayShard::reroute(SharedRoute route) {
  none_waiting();  // what is reserved belongs to the old route
  route_ = std::move(route);
  resume();
}

void RelayShard::stop(std::chrono::milliseconds drain) {
  for (auto& acceptor : acceptors_) {
    acceptor->close();
    loop_.retire(std::move(acceptor));
  }
  acceptors_.clear();
  none_waiting();
  if (drain.count() == 0) return reset_all();
  if (connections_.empty() && siblings_.size() < 2) return;
  // The timer keeps this shard alive until then; connections need their owner, and more may be on
  // their way from a sibling.
  loop_.call_after(drain, [self = shared_from_this()] { self->reset_all(); });
}

bool RelayShard::ready_to_take() {
  if (!reserved_.fd) {
    reserved_ = route_->dialer->reserve(route_->targets, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->loop_.post([weak] {
        if (const auto still = weak.lock()) still->resume();
      });
    });
    reserved_for_ = route_;
  }
  return reserved_.fd.valid();
}

void RelayShard::take(base::UniqueFd client) {
  auto connection = std::make_unique<Connection>(loop_, *this, reserved_for_, std::move(client),
                                                 std::move(reserved_));
  reserved_ = {};
  Connection& started = *connection;
  put_in(std::move(connection));
  bump(total_, 1);
  started.start();
}

void RelayShard::none_waiting() {
  if (reserved_.fd) reserved_for_->dialer->unreserve(std::move(reserved_));
  reserved_ = {};
}

void RelayShard::turned_away(const base::Error& error) {
  bump(failed_, 1);
  note_error(error);
}

void RelayShard::dial_failed(const base::Error& error) {
  bump(failed_, 1);
  note_error(error);
}

void RelayShard::moved(std::uint64_t to_container, std::uint64_t from_container) {
  bump(to_, to_container);
  bump(from_, from_container);
}

void RelayShard::became_bulk(Connection& connection) {
  std::shared_ptr<RelayShard> idlest;
  for (const auto& weak : siblings_) {
    auto sibling = weak.lock();
    if (!sibling || &sibling->loop_ == &loop_) continue;
    if (!idlest || sibling->loop_.bulk_flows() < idlest->loop_.bulk_flows()) {
      idlest = std::move(sibling);
    }
  }
  // This flow is counted here already: moving must leave the other with no more than we had.
  if (!idlest || idlest->loop_.bulk_flows() + 1 >= loop_.bulk_flows()) return;
  connection.move_away();
  loop_.after_batch(
      [idlest, moving = std::make_shared<std::unique_ptr<Connection>>(take_out(connection))] {
        idlest->loop_.post([idlest, moving] { idlest->adopt(std::move(*moving)); });
      });
}

void RelayShard::adopt(std::unique_ptr<Connection> connection) {
  Connection& arrived = *connection;
  put_in(std::move(connection));
  arrived.arrive(loop_, *this);
  if (drained_) reset_all();
}

void RelayShard::ended(Connection& connection) { loop_.retire(take_out(connection)); }

void RelayShard::put_in(std::unique_ptr<Connection> connection) {
  Connection& entered = *connection;
  entered.position = connections_.insert(connections_.end(), std::move(connection));
  bump(open_, 1);
}

std::unique_ptr<Connection> RelayShard::take_out(Connection& connection) {
  drop_one(open_);
  std::unique_ptr<Connection> owned = std::move(*connection.position);
  connections_.erase(connection.position);
  return owned;
}

void RelayShard::note_error(const base::Error& error) {
  const std::lock_guard lock(mutex_);
  last_error_ = error.message();
}

void RelayShard::resume() {
  for (auto& acceptor : acceptors_) acceptor->resume();
}

void RelayShard::reset_all() {
  drained_ = true;
  while (!connections_.empty()) connections_.front()->reset();
}

}  // namespace fairlead::relay
