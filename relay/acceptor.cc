#include "relay/acceptor.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "base/net.h"

namespace fairlead::relay {
namespace {

// Clients per turn before the open connections come first.
constexpr int kAcceptsPerTurn = 64;
// About a second and a half of pauses: then the waiting clients are told.
constexpr int kFailuresBeforeShedding = 6;
constexpr auto kStarvationPatience = std::chrono::milliseconds(1500);
constexpr auto kShowing = std::chrono::milliseconds(5);

// Several loops watch one listener: a client wakes one of them. (Cannot be modified, only removed
// and added again.)
constexpr std::uint32_t kAcceptorEvents = EPOLLIN | EPOLLEXCLUSIVE;

bool is_shortage(int error_number) {
  return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS ||
         error_number == ENOMEM;
}

}  // namespace

base::Result<std::unique_ptr<Acceptor>> Acceptor::start(EventLoop& loop, SharedListener listener,
                                                        ConnectionTaker& taker) {
  const int fd = listener->get();
  std::unique_ptr<Acceptor> acceptor(new Acceptor(loop, std::move(listener), taker));
  if (auto added = loop.add(fd, kAcceptorEvents, acceptor.get()); !added) return added.error();
  return acceptor;
}

void Acceptor::close() {
  *alive_ = false;
  if (listener_ && !paused_) loop_.remove(listener_->get(), this);
  listener_.reset();
}

void Acceptor::pause() {
  paused_ = true;
  loop_.remove(listener_->get(), this);
}

void Acceptor::resume() {
  if (!paused_ || !listener_) return;
  // Without memory to watch it: tried again in a moment.
  if (auto added = loop_.add(listener_->get(), kAcceptorEvents, this); !added)
    return resume_later();
  paused_ = false;
  if (!starving_) return;
  // Whoever is waiting shows at once. If nobody does, others have taken them: no more shortage.
  loop_.call_after(kShowing, [this, alive = alive_] {
    if (*alive && !paused_) starving_ = false;
  });
}

void Acceptor::on_events(std::uint32_t /*epoll_events*/) {
  int taken = 0;
  for (; taken < burst_ && listener_; ++taken) {
    if (!taker_.ready_to_take()) return wait_for_taker();
    starving_ = false;
    auto client = base::accept_connection(listener_->get());
    if (client && client->get() >= loop_.descriptor_ceiling()) {
      const base::Error error = base::errno_error(EMFILE, "accept");
      base::reset_on_close(client->get());
      client = base::UniqueFd();
      taker_.none_waiting();
      taker_.turned_away(error);
      return out_of_descriptors(error);
    }
    if (client) {
      failures_in_a_row_ = 0;
      backoff_.reset();
      taker_.take(std::move(*client));
      continue;
    }
    const int failure = client.error().code.value();
    if (failure == ECONNABORTED || failure == EINTR) continue;  // the client has left the queue
    taker_.none_waiting();
    burst_ = std::max(1, taken);
    if (is_shortage(failure)) out_of_descriptors(client.error());
    return;
  }
  // As many as expected: whoever else is waiting shows at once, when the others have had a turn.
  burst_ = std::min(burst_ * 2, kAcceptsPerTurn);
}

// The taker calls resume() when it is ready. If it is not for too long, the clients are told.
void Acceptor::wait_for_taker() {
  pause();
  if (std::exchange(starving_, true)) return;
  loop_.call_after(kStarvationPatience, [this, alive = alive_, wait = ++starvation_] {
    if (!*alive || wait != starvation_ || !std::exchange(starving_, false)) return;
    if (taker_.ready_to_take()) {
      // Not starving any more; since then the clients have gone to other loops.
      taker_.none_waiting();
    } else {
      shed(base::errno_error(EMFILE, "no socket in the container to be had"));
    }
    resume();
  });
}

void Acceptor::out_of_descriptors(const base::Error& error) {
  taker_.descriptors_short();
  if (++failures_in_a_row_ >= kFailuresBeforeShedding) shed(error);
  pause();
  resume_later();
}

void Acceptor::resume_later() {
  loop_.call_after(backoff_.next(), [this, alive = alive_] {
    if (*alive) resume();
  });
}

void Acceptor::shed(const base::Error& error) {
  for (int i = 0; i < kAcceptsPerTurn * 16; ++i) {
    loop_.close_reserve();
    auto client = base::accept_connection(listener_->get());
    if (!client) {
      // Another thread may have been quicker to take what the reserve had freed.
      if (is_shortage(client.error().code.value())) taker_.descriptors_short();
      loop_.open_reserve();
      return;
    }
    base::reset_now(client->get());
    loop_.keep_reserve(std::move(*client));
    taker_.turned_away(error);
  }
}

}  // namespace fairlead::relay
