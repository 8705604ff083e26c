#include "relay/event_loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "base/net.h"

namespace fairlead::relay {

namespace {

constexpr std::uint64_t kKeptBack = 64;
// No ticket: slots are far fewer.
constexpr std::uint64_t kWakeup = ~std::uint64_t{0};
constexpr auto kIdlePipes = std::chrono::seconds(2);

int ceiling_of_this_process() {
  const std::uint64_t limit = base::raise_descriptor_limit();
  const std::uint64_t ceiling = limit - std::min(kKeptBack, limit / 8);
  return static_cast<int>(std::min<std::uint64_t>(ceiling, INT_MAX));
}

}  // namespace

base::Result<std::unique_ptr<EventLoop>> EventLoop::create() {
  base::UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return base::errno_error("create epoll");
  std::unique_ptr<EventLoop> loop(new EventLoop(std::move(epoll)));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeup;
  if (epoll_ctl(loop->epoll_.get(), EPOLL_CTL_ADD, loop->posted_.fd(), &event) != 0) {
    return base::errno_error("watch a descriptor");
  }
  return loop;
}

EventLoop::EventLoop(base::UniqueFd epoll)
    : epoll_(std::move(epoll)),
      buffer_(std::make_unique_for_overwrite<char[]>(kBufferSize)),
      descriptor_ceiling_(ceiling_of_this_process()) {
  open_reserve();
}

bool EventLoop::open_reserve() {
  if (!reserve_) reserve_.reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
  return reserve_.valid();
}

void EventLoop::run() {
  std::array<epoll_event, 256> events;
  while (!stopping_) {
    const int count =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_timeout());
    bool woken = false;
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.u64 == kWakeup) {
        woken = true;
      } else if (EventHandler* handler = handler_of(event.data.u64)) {
        handler->on_events(event.events);
      }
    }
    if (woken) posted_.run();
    run_deferred();
    run_timers();
    end_batch();
  }
  posted_.run();
  end_batch();
}

void EventLoop::end_batch() {
  while (!after_batch_.empty()) {
    std::vector<std::function<void()>> tasks;
    tasks.swap(after_batch_);
    for (const auto& task : tasks) task();
  }
  retired_.clear();
  if (pipes_.idle() == 0 || std::exchange(sweep_armed_, true)) return;
  call_after(kIdlePipes, [this] {
    sweep_armed_ = false;  // whatever is left arms it again at the end of this batch
    pipes_.sweep();
  });
}

int EventLoop::wait_timeout() const {
  if (!deferred_.empty()) return 0;
  if (timers_.empty()) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - base::steady_now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

void EventLoop::stop() {
  post([this] { stopping_ = true; });
}

void EventLoop::run_deferred() {
  // Whoever is retired meanwhile is still there (until the batch ends) and ignores its turn.
  std::vector<EventHandler*> handlers;
  handlers.swap(deferred_);
  for (EventHandler* handler : handlers) handler->on_turn();
}

void EventLoop::retire(std::unique_ptr<EventHandler> handler) {
  // It may have asked for a turn that comes only after it is destroyed.
  forget_turn(handler.get());
  forget(handler.get());
  retired_.push_back(std::move(handler));
}

void EventLoop::run_timers() {
  while (!timers_.empty() && timers_.begin()->first <= base::steady_now()) {
    auto node = timers_.extract(timers_.begin());
    node.mapped()();
  }
}

void EventLoop::call_after(std::chrono::milliseconds delay, std::function<void()> task) {
  timers_.emplace(base::steady_now() + delay, std::move(task));
}

base::Result<void> EventLoop::add(int fd, std::uint32_t epoll_events, EventHandler* handler) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_slots_.back();
  epoll_event event{};
  event.events = epoll_events;
  event.data.u64 = std::uint64_t{slots_[index].generation} << 32 | index;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return base::errno_error("watch a descriptor");
  }
  free_slots_.pop_back();
  slots_[index].handler = handler;
  handler->slot_ = index + 1;
  return {};
}

EventHandler* EventLoop::handler_of(std::uint64_t ticket) const {
  const Slot& slot = slots_[static_cast<std::uint32_t>(ticket)];
  return slot.generation == ticket >> 32 ? slot.handler : nullptr;
}

void EventLoop::forget(EventHandler* handler) {
  if (handler->slot_ == 0) return;
  const std::uint32_t index = std::exchange(handler->slot_, 0) - 1;
  slots_[index].handler = nullptr;
  ++slots_[index].generation;
  free_slots_.push_back(index);
}

void EventLoop::remove(int fd, EventHandler* handler) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  forget(handler);
}

}  // namespace fairlead::relay
