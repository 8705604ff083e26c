// One relayed connection: a client on the host, a server in the container, two pumps.
//
//   dialling ──connected, confirmed──▶ open ──both pumps finished──▶ closed (FIN both ways)
//      │                                │ └────reset, error────────▶ closed (RST both ways)
//      │                                └─▶ moving, to another thread's loop ─▶ open
//      └─refused: next target; none left ──▶ closed (RST to the client)
//
// SPEC.md "Data plane". Thread rule: its loop's thread. Owned by its relay's part on that loop,
// which is told when it has ended. Uses no memory beyond itself while nothing is stuck.
#pragma once

#include <cstdint>
#include <list>
#include <memory>

#include "base/result.h"
#include "base/unique_fd.h"
#include "relay/dialer.h"
#include "relay/event_loop.h"
#include "relay/pump.h"

namespace fairlead::relay {

class Connection;

// What a connection needs from the relay it belongs to.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  virtual void dial_failed(const base::Error& error) = 0;
  virtual void moved(std::uint64_t to_container, std::uint64_t from_container) = 0;
  // It has begun to move large amounts: a good moment to move_away(). Called at the end of what the
  // connection does with an event.
  virtual void became_bulk(Connection& connection) = 0;
  // The connection has closed its sockets; take it out and retire it.
  virtual void ended(Connection& connection) = 0;
};

class Connection : public EventHandler {
 public:
  Connection(EventLoop& loop, ConnectionOwner& owner, SharedRoute route, base::UniqueFd client,
             DialSocket server);

  // Begins to dial. May end the connection before it returns.
  void start();
  // RST to both sides.
  void reset();

  // Leaves its loop, to be continued on another by arrive(), once this batch of events is over.
  void move_away();
  void arrive(EventLoop& loop, ConnectionOwner& owner);

  // Where the owner keeps it.
  std::list<std::unique_ptr<Connection>>::iterator position;

 private:
  enum class State : std::uint8_t { kDialling, kOpen, kMoving, kClosed };

  // The server's descriptor needs a handler of its own; the client's is the connection.
  class ServerSide : public EventHandler {
   public:
    explicit ServerSide(Connection& connection) : connection_(connection) {}
    void on_events(std::uint32_t epoll_events) override { connection_.on_server(epoll_events); }

   private:
    Connection& connection_;
  };

  void on_events(std::uint32_t epoll_events) override;  // the client's
  void on_turn() override;
  void on_server(std::uint32_t epoll_events);
  void dial_next(base::Error last_error);
  void dial_result(std::uint32_t epoll_events);
  void connected();
  bool active() const { return state_ == State::kDialling || state_ == State::kOpen; }
  void progress();
  void report();
  void note_bulk();
  void close(bool with_reset);

  EventLoop* loop_;
  ConnectionOwner* owner_;
  SharedRoute route_;
  base::UniqueFd client_;
  DialSocket server_;
  ServerSide server_side_;
  std::uint32_t next_target_ = 0;
  State state_ = State::kDialling;
  bool server_watched_ = false;
  bool deferred_ = false;
  bool bulk_ = false;
  bool end_believed_ = false;  // of a server whose socket cannot tell
  Pump to_container_;
  Pump from_container_;
  std::uint64_t reported_to_ = 0;
  std::uint64_t reported_from_ = 0;
};

}  // namespace fairlead::relay
