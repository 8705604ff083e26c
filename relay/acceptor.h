// Accepts clients of one listening socket.
//
// A client is accepted only when its taker is ready for it; otherwise it waits in the kernel's
// backlog. When descriptors run out, the acceptor pauses with growing intervals and goes on by
// itself; if that lasts, the waiting clients are reset by way of a reserve descriptor rather than
// left hanging. It never spins and never dies. SPEC.md "Data plane".
// Thread rule: the data plane's thread.
#pragma once

#include <memory>

#include "base/backoff.h"
#include "base/unique_fd.h"
#include "relay/event_loop.h"

namespace fairlead::relay {

// A listening socket that its relay may shut down from another thread while it is watched here.
// Made with base::AcceptedClose::kResets: its clients are reset until their streams are complete.
using SharedListener = std::shared_ptr<const base::UniqueFd>;

class ConnectionTaker {
 public:
  virtual ~ConnectionTaker() = default;
  // False: not now; somebody calls Acceptor::resume() later.
  virtual bool ready_to_take() = 0;
  virtual void take(base::UniqueFd client) = 0;
  // ready_to_take() said yes, but nobody was waiting after all.
  virtual void none_waiting() = 0;
  virtual void turned_away(const base::Error& error) = 0;
  virtual void descriptors_short() = 0;
};

class Acceptor : public EventHandler {
 public:
  // `taker` and `loop` must outlive the acceptor.
  static base::Result<std::unique_ptr<Acceptor>> start(EventLoop& loop, SharedListener listener,
                                                       ConnectionTaker& taker);
  // Closes the listening socket: clients are refused from now on.
  void close();
  void resume();

  void on_events(std::uint32_t epoll_events) override;

 private:
  Acceptor(EventLoop& loop, SharedListener listener, ConnectionTaker& taker)
      : loop_(loop), listener_(std::move(listener)), taker_(taker) {}
  void pause();
  void resume_later();
  void wait_for_taker();
  void out_of_descriptors(const base::Error& error);
  void shed(const base::Error& error);

  EventLoop& loop_;
  SharedListener listener_;  // empty once closed
  ConnectionTaker& taker_;
  base::Backoff backoff_{std::chrono::milliseconds(25), std::chrono::milliseconds(800)};
  int failures_in_a_row_ = 0;
  int burst_ = 1;  // how many clients are expected to be waiting
  bool paused_ = false;
  bool starving_ = false;    // paused because the taker is not ready
  unsigned starvation_ = 0;  // which wait this is: a timer of an earlier one means nothing
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for timers that outlive us
};

}  // namespace fairlead::relay
