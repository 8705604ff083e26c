// The data plane's own event loop: raw epoll, edge-triggered, one thread.
//
// Asio's per-operation bookkeeping costs more than a small request does (docs: performance), so
// bulk bytes and new connections do not go through it. At rest the loop sleeps without any timeout.
// SPEC.md "Data plane". Thread rule: run() on its thread; post() and stop() from any; everything
// else on the loop's thread only.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/task_queue.h"
#include "base/unique_fd.h"
#include "relay/pipe_pool.h"

namespace fairlead::relay {

// Whoever is registered with a descriptor. Must be retired through the loop, never deleted inside a
// callback: it may be running.
class EventHandler {
 public:
  virtual ~EventHandler() = default;
  virtual void on_events(std::uint32_t epoll_events) = 0;
  // Another turn, asked for by EventLoop::defer().
  virtual void on_turn() {}

 private:
  friend class EventLoop;
  std::uint32_t slot_ = 0;  // of the loop it is registered with, counted from 1; 0 = none
};

class EventLoop {
 public:
  static base::Result<std::unique_ptr<EventLoop>> create();

  void run();
  void stop();
  void post(std::function<void()> task) { posted_.post(std::move(task)); }

  // One descriptor for each handler.
  base::Result<void> add(int fd, std::uint32_t epoll_events, EventHandler* handler);
  // Before its descriptor is closed: no event reaches it any more. The kernel's registration ends
  // with the open file, which may be later: another process may hold a copy of it for a moment (the
  // socket helper, a child about to exec).
  void forget(EventHandler* handler);
  // The same for a descriptor that stays open.
  void remove(int fd, EventHandler* handler);
  // Calls on_turn() once, after everybody else had a turn. The handler may be retired before.
  void defer(EventHandler* handler) { deferred_.push_back(handler); }
  void call_after(std::chrono::milliseconds delay, std::function<void()> task);
  // Destroys it once the current batch of events is done.
  void retire(std::unique_ptr<EventHandler> handler);
  // Takes back a defer().
  void forget_turn(const EventHandler* handler) { std::erase(deferred_, handler); }
  // Runs a task once the current batch of events is done: no event of it names anybody any more.
  void after_batch(std::function<void()> task) { after_batch_.push_back(std::move(task)); }

  // Scratch space shared by everybody on this loop; valid until the callback returns.
  char* buffer() { return buffer_.get(); }
  static constexpr std::size_t kBufferSize = 256U << 10;
  // The pipes of this loop's bulk flows; idle ones are closed by themselves.
  PipePool& pipes() { return pipes_; }

  // How many bulk flows this loop carries: for whoever spreads them over loops.
  int bulk_flows() const { return bulk_flows_.load(std::memory_order_relaxed); }
  void count_bulk_flow(int change) { bulk_flows_.fetch_add(change, std::memory_order_relaxed); }

  // Clients whose descriptor would be this or more are not for us: the rest of the table is for
  // detection, new host ports and the control socket.
  int descriptor_ceiling() const { return descriptor_ceiling_; }
  // Frees one descriptor for a moment when the table is full; false if there was none to free.
  bool open_reserve();
  void close_reserve() { reserve_.reset(); }
  // Takes any descriptor as the new reserve: unlike opening one, that cannot fail.
  void keep_reserve(base::UniqueFd fd) { reserve_ = std::move(fd); }

 private:
  explicit EventLoop(base::UniqueFd epoll);
  int wait_timeout() const;
  void run_timers();
  void run_deferred();
  void end_batch();
  EventHandler* handler_of(std::uint64_t ticket) const;

  base::UniqueFd epoll_;
  base::UniqueFd reserve_;
  std::unique_ptr<char[]> buffer_;
  // Events name a slot and its generation, never a handler: one that is gone is not found.
  struct Slot {
    EventHandler* handler = nullptr;
    std::uint32_t generation = 0;
  };
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<EventHandler*> deferred_;
  std::vector<std::unique_ptr<EventHandler>> retired_;
  std::vector<std::function<void()>> after_batch_;
  PipePool pipes_;
  bool sweep_armed_ = false;
  std::atomic<int> bulk_flows_{0};
  std::multimap<base::SteadyTime, std::function<void()>> timers_;
  bool stopping_ = false;
  int descriptor_ceiling_;
  base::TaskQueue posted_;
};

}  // namespace fairlead::relay
