#include "relay/stream_relay.h"

#include <sys/socket.h>

#include <algorithm>

namespace fairlead::relay {

// Everything that lives on the data plane's thread. Tasks posted to the loop hold a reference, so
// the relay object itself may go at any time.
class StreamRelay::Core : public ConnectionTaker,
                          public ConnectionOwner,
                          public std::enable_shared_from_this<Core> {
 public:
  Core(EventLoop& loop, std::shared_ptr<Dialer> dialer, std::vector<base::Endpoint> targets)
      : loop_(loop), dialer_(std::move(dialer)), targets_(shared(std::move(targets))) {}

  EventLoop& loop() { return loop_; }

  void start(const std::vector<SharedListener>& listeners) {
    if (stopped_) return;
    for (const SharedListener& listener : listeners) {
      auto acceptor = Acceptor::start(loop_, listener, *this);
      if (acceptor) {
        acceptors_.push_back(std::move(*acceptor));
      } else {
        note_error(acceptor.error());
      }
    }
  }

  void retarget(std::vector<base::Endpoint> targets) { targets_ = shared(std::move(targets)); }

  void stop(std::chrono::milliseconds drain) {
    stopped_ = true;
    for (auto& acceptor : acceptors_) {
      acceptor->close();
      loop_.retire(std::move(acceptor));
    }
    acceptors_.clear();
    none_waiting();
    if (drain.count() == 0) return reset_all();
    if (connections_.empty()) return;
    // The timer keeps this core alive until then; connections need their owner.
    loop_.call_after(drain, [self = shared_from_this()] { self->reset_all(); });
  }

  RelayStats stats() const {
    const std::lock_guard lock(mutex_);
    return {open_.load(std::memory_order_relaxed),   total_.load(std::memory_order_relaxed),
            failed_.load(std::memory_order_relaxed), to_.load(std::memory_order_relaxed),
            from_.load(std::memory_order_relaxed),   last_error_};
  }

  // ConnectionTaker
  bool ready_to_take() override {
    if (!reserved_.fd) {
      reserved_ = dialer_->reserve(*targets_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->resume();
      });
      reserved_for_ = targets_;
    }
    return reserved_.fd.valid();
  }

  void take(base::UniqueFd client) override {
    // A reserved socket is good for the targets it was reserved for; they are at most a moment old.
    auto connection = std::make_unique<Connection>(loop_, *this, *dialer_, std::move(client),
                                                   std::move(reserved_), reserved_for_);
    reserved_ = {};
    Connection& started = *connection;
    started.position = connections_.insert(connections_.end(), std::move(connection));
    bump(total_, 1);
    bump(open_, 1);
    started.start();
  }

  void none_waiting() override {
    if (reserved_.fd) dialer_->unreserve(std::move(reserved_));
    reserved_ = {};
  }

  void turned_away(const base::Error& error) override {
    bump(failed_, 1);
    note_error(error);
  }

  void descriptors_short() override { dialer_->relieve(); }

  // ConnectionOwner
  void dial_failed(const base::Error& error) override {
    bump(failed_, 1);
    note_error(error);
  }

  void moved(std::uint64_t to_container, std::uint64_t from_container) override {
    bump(to_, to_container);
    bump(from_, from_container);
  }

  void ended(Connection& connection) override {
    open_.store(open_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    std::unique_ptr<Connection> owned = std::move(*connection.position);
    connections_.erase(connection.position);
    loop_.retire(std::move(owned));
  }

 private:
  // One socket serves all targets. Having tried a mapped IPv4 address it cannot go back to IPv6
  // (the kernel keeps its IPv4 operations), so IPv6 comes first.
  static DialTargets shared(std::vector<base::Endpoint> targets) {
    std::stable_partition(targets.begin(), targets.end(), [](const base::Endpoint& target) {
      return target.address.family() == base::Family::kIpv6;
    });
    return std::make_shared<const std::vector<base::Endpoint>>(std::move(targets));
  }
  // One thread writes: no read-modify-write needed.
  static void bump(std::atomic<std::uint64_t>& counter, std::uint64_t by) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void note_error(const base::Error& error) {
    const std::lock_guard lock(mutex_);
    last_error_ = error.message();
  }
  void resume() {
    for (auto& acceptor : acceptors_) acceptor->resume();
  }
  void reset_all() {
    while (!connections_.empty()) connections_.front()->reset();
  }

  EventLoop& loop_;
  std::shared_ptr<Dialer> dialer_;
  DialTargets targets_;
  DialSocket reserved_;
  DialTargets reserved_for_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::list<std::unique_ptr<Connection>> connections_;
  bool stopped_ = false;

  std::atomic<std::uint64_t> open_{0};
  std::atomic<std::uint64_t> total_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> to_{0};
  std::atomic<std::uint64_t> from_{0};
  mutable std::mutex mutex_;  // guards last_error_
  std::string last_error_;
};

StreamRelay::StreamRelay(EventLoop& loop, std::shared_ptr<Dialer> dialer,
                         std::vector<base::UniqueFd> listeners, std::vector<base::Endpoint> targets)
    : core_(std::make_shared<Core>(loop, std::move(dialer), std::move(targets))) {
  for (base::UniqueFd& listener : listeners) {
    listeners_.push_back(std::make_shared<const base::UniqueFd>(std::move(listener)));
  }
  loop.post([core = core_, shared = listeners_] { core->start(shared); });
}

StreamRelay::~StreamRelay() {
  if (!stopped_) stop(std::chrono::milliseconds(0));
}

void StreamRelay::retarget(std::vector<base::Endpoint> targets) {
  core_->loop().post([core = core_, targets = std::move(targets)]() mutable {
    core->retarget(std::move(targets));
  });
}

void StreamRelay::stop(std::chrono::milliseconds drain) {
  stopped_ = true;
  // Refuses clients from this moment, however busy the data plane is, and lets the port be bound
  // again before it gets round to closing.
  for (const SharedListener& listener : listeners_) shutdown(listener->get(), SHUT_RDWR);
  listeners_.clear();
  core_->loop().post([core = core_, drain] { core->stop(drain); });
}

RelayStats StreamRelay::stats() const { return core_->stats(); }

}  // namespace fairlead::relay
