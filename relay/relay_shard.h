// The part of a relay that lives on one loop: its acceptors on the relay's listeners, and the
// connections it has taken.
//
// A connection stays on the loop that took it, unless it turns out to carry bulk bytes while
// another loop carries fewer such flows: then it moves there. SPEC.md "Data plane".
// Thread rule: its loop's thread, but for the constructor and stats(). Tasks posted to the loop
// hold a reference, so the relay itself may go at any time.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "relay/acceptor.h"
#include "relay/connection.h"
#include "relay/relay.h"

namespace fairlead::relay {

class RelayShard : public ConnectionTaker,
                   public ConnectionOwner,
                   public std::enable_shared_from_this<RelayShard> {
 public:
  // `loop` must outlive the shard and every connection of it.
  RelayShard(EventLoop& loop, SharedRoute route) : loop_(loop), route_(std::move(route)) {}

  EventLoop& loop() { return loop_; }
  // Any thread.
  RelayStats stats() const;

  void start(const std::vector<SharedListener>& listeners,
             std::vector<std::weak_ptr<RelayShard>> siblings);
  void reroute(SharedRoute route);
  void stop(std::chrono::milliseconds drain);

 private:
  // ConnectionTaker
  bool ready_to_take() override;
  void take(base::UniqueFd client) override;
  void none_waiting() override;
  void turned_away(const base::Error& error) override;
  void descriptors_short() override { route_->dialer->relieve(); }

  // ConnectionOwner
  void dial_failed(const base::Error& error) override;
  void moved(std::uint64_t to_container, std::uint64_t from_container) override;
  void became_bulk(Connection& connection) override;
  void ended(Connection& connection) override;

  std::unique_ptr<Connection> take_out(Connection& connection);
  void put_in(std::unique_ptr<Connection> connection);
  void adopt(std::unique_ptr<Connection> connection);
  void note_error(const base::Error& error);
  void resume();
  void reset_all();

  EventLoop& loop_;
  SharedRoute route_;
  DialSocket reserved_;
  SharedRoute reserved_for_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::list<std::unique_ptr<Connection>> connections_;
  std::vector<std::weak_ptr<RelayShard>> siblings_;
  bool drained_ = false;  // stopped, and patience with open connections is over

  std::atomic<std::uint64_t> open_{0};
  std::atomic<std::uint64_t> total_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> to_{0};
  std::atomic<std::uint64_t> from_{0};
  mutable std::mutex mutex_;  // guards last_error_
  std::string last_error_;
};

}  // namespace fairlead::relay
