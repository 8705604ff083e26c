#include "target/pooled_sockets.h"

#include <array>
#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/net.h"
#include "target/foreign_socket.h"
#include "target/socket_maker.h"
#include "target/socket_protocol.h"

namespace fairlead::target {
namespace {

namespace asio = boost::asio;
using base::UniqueFd;
using boost::system::error_code;

constexpr std::size_t kTcpKinds = 2;
constexpr auto kQuietBeforeShrinking = std::chrono::seconds(2);
// Of a process that is not ours: how long it may leave a question unanswered, and how long it may
// be gone, before it is given up.
constexpr auto kAnswerPatience = std::chrono::seconds(5);
constexpr auto kReplacePatience = std::chrono::seconds(10);
// The longest message there is, and one byte by which a longer one shows.
constexpr std::size_t kLongestMessage = sizeof(OwnerReply) + 1;

std::size_t index_of(SocketKind kind) { return static_cast<std::size_t>(kind); }
bool is_pooled(SocketKind kind) { return index_of(kind) < kTcpKinds; }

// What the network namespace of this very process is called.
std::uint64_t own_cookie() {
  const UniqueFd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe ? namespace_cookie(probe.get()) : 0;
}

}  // namespace

class PooledSockets::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& loop, const InitProcess& init, std::unique_ptr<SocketSource> source,
       Sizes sizes)
      : loop_(loop),
        init_(init),
        source_(std::move(source)),
        sizes_(sizes),
        channel_(loop),
        retry_(loop),
        shrink_(loop),
        silence_(loop) {
    for (Pool& pool : pools_) pool.target = sizes_.idle_pool;
  }

  void start(Done done) {
    started_ = std::move(done);
    launch();
  }

  void open_one(SocketKind kind, OpenDone done) {
    waiting_[kind].push_back(std::move(done));
    if (joined_) request(kind, 1);
  }

  void close() {
    closed_ = true;
    drop_helper();
    retry_.cancel();
    shrink_.cancel();
    lost_ = nullptr;
    {
      const std::lock_guard lock(mutex_);
      for (Pool& pool : pools_) {
        pool.sockets.clear();
        pool.target = 0;
      }
    }
    started_ = nullptr;
    refilled_ = nullptr;
    waiting_.clear();
  }

  UniqueFd take(SocketKind kind) {
    if (!is_pooled(kind)) return {};  // open_one() is the way to those
    bool ask = false;
    UniqueFd socket;
    {
      const std::lock_guard lock(mutex_);
      Pool& pool = pools_[index_of(kind)];
      if (!pool.sockets.empty()) {
        socket = std::move(pool.sockets.back());
        pool.sockets.pop_back();
      }
      if (pool.sockets.size() * 2 < pool.target) {
        if (!socket) pool.target = std::min(pool.target * 2, sizes_.largest_pool);
        ask = !std::exchange(pool.refill_posted, true);
      }
    }
    if (ask) post_refill(kind);
    return socket;
  }

  void give_back(SocketKind kind, UniqueFd socket) {
    if (!is_pooled(kind)) return;
    const std::lock_guard lock(mutex_);
    if (!closed_) pools_[index_of(kind)].sockets.push_back(std::move(socket));
  }

  void relieve() {
    const std::lock_guard lock(mutex_);
    for (Pool& pool : pools_) halve(pool);
  }

  bool supports(SocketKind kind) const {
    return !is_pooled(kind) || !pools_[index_of(kind)].unsupported;
  }

  std::size_t pooled() const {
    const std::lock_guard lock(mutex_);
    return pools_[0].sockets.size() + pools_[1].sockets.size();
  }

  std::uint64_t cookie() const { return cookie_; }
  std::int64_t helper_pid() const { return source_->pid(); }
  void on_refilled(std::function<void()> listener) { refilled_ = std::move(listener); }
  void on_lost(std::function<void(const base::Error&)> listener) { lost_ = std::move(listener); }

  bool send(const void* data, std::size_t size) {
    return joined_ &&
           base::send_descriptors(channel_.native_handle(), data, size, nullptr, 0).has_value();
  }

 private:
  struct Pool {
    std::vector<UniqueFd> sockets;
    std::size_t target = 0;
    std::size_t outstanding = 0;  // asked for and not yet answered; loop thread only
    bool refill_posted = false;
    std::atomic<bool> unsupported{false};
  };

  static void halve(Pool& pool) {
    const std::size_t keep = pool.sockets.size() / 2;
    pool.sockets.resize(keep);
    pool.target = std::max<std::size_t>(1, keep);
  }

  void launch() {
    if (closed_) return;
    if (!init_.alive()) return fail(base::errno_error(ESRCH, "the container's init process"));
    source_->open([weak = weak_from_this(), this](base::Result<UniqueFd> channel) {
      const auto self = weak.lock();
      if (!self || closed_) return;
      if (!channel) return fail(channel.error());
      channel_.assign(channel->release());
      expect_answer();
      wait_for_reply();
    });
  }

  void wait_for_reply() {
    channel_.async_wait(asio::posix::stream_descriptor::wait_read,
                        [self = shared_from_this()](error_code failure) {
                          if (!failure && !self->closed_) self->read_replies();
                        });
  }

  void read_replies() {
    bool arrived = false;
    for (;;) {
      std::array<char, kLongestMessage> buffer;
      auto message =
          base::receive_descriptors(channel_.native_handle(), buffer.data(), buffer.size());
      if (!message && message.error().code.value() == EAGAIN) break;
      if (!message) return helper_lost(message.error());
      if (message->size == 0) return helper_lost(base::plain_error("the socket helper ended"));
      if (!take(buffer.data(), *message, arrived)) {
        return helper_lost(base::plain_error("the socket helper said what makes no sense"));
      }
      if (closed_ || !channel_.is_open()) return;
    }
    expect_answer();
    if (arrived) finish_arrival();
    if (!closed_ && channel_.is_open()) wait_for_reply();
  }

  // False: it makes no sense.
  bool take(const char* data, base::ReceivedMessage& message, bool& arrived) {
    const auto kind = static_cast<ReplyKind>(data[0]);
    if (kind != ReplyKind::kJoined && kind != ReplyKind::kSockets) {
      return joined_ && source_->take_message(data, message.size);
    }
    SocketReply reply;
    if (message.size != sizeof reply || (kind == ReplyKind::kJoined) == joined_) return false;
    std::memcpy(&reply, data, sizeof reply);
    if (kind == ReplyKind::kJoined) {
      accept_join(reply);
      return true;
    }
    if (index_of(reply.kind) > index_of(SocketKind::kUdp6)) return false;
    if (!source_->trusted()) {
      for (const UniqueFd& socket : message.descriptors) {
        if (!adopt_foreign_socket(socket.get(), reply.kind, cookie_)) return false;
      }
    }
    arrived = true;
    return store(reply, message);
  }

  // A process that is not ours answers in time, or is given up.
  void expect_answer() {
    if (source_->trusted()) return;
    if (joined_ && requested_.empty()) {
      silence_.cancel();
      return;
    }
    silence_.expires_after(kAnswerPatience);
    silence_.async_wait([weak = weak_from_this(), this](error_code failure) {
      const auto self = weak.lock();
      if (failure || !self || closed_) return;
      helper_lost(base::errno_error(ETIMEDOUT, "the socket helper does not answer"));
    });
  }

  void accept_join(const SocketReply& reply) {
    if (reply.error_number != 0) {
      return fail(base::errno_error(reply.error_number, "join the container's network namespace"));
    }
    // The proof that we joined this container and nobody's else: its init process, whose descriptor
    // the helper joined by, or in which the engine started the agent, lives now, and a namespace we
    // knew keeps its cookie.
    const bool strange = cookie_ != 0 && reply.namespace_cookie != cookie_;
    if (!init_.alive() || strange) {
      return fail(base::errno_error(ESRCH, "the container's init process"));
    }
    if (reply.namespace_cookie != 0 && reply.namespace_cookie == own_cookie()) {
      return fail(base::plain_error("the container uses this host's own network"));
    }
    cookie_ = reply.namespace_cookie;
    joined_ = true;
    backoff_.reset();
    gone_since_ = {};
    for (Pool& pool : pools_) pool.outstanding = 0;
    for (const auto& [kind, waiting] : waiting_) {
      for (std::size_t i = 0; i < waiting.size(); ++i) request(kind, 1);
    }
    refill(SocketKind::kTcp4);
    refill(SocketKind::kTcp6);
  }

  // False: nobody had asked for it.
  bool store(const SocketReply& reply, base::ReceivedMessage& message) {
    if (!is_pooled(reply.kind)) return hand_out(reply, message);
    if (requested_.empty() || requested_.front().kind != reply.kind ||
        message.descriptors.size() > requested_.front().count) {
      return false;
    }
    const std::lock_guard lock(mutex_);
    Pool& pool = pools_[index_of(reply.kind)];
    const std::size_t answered = std::min<std::size_t>(pool.outstanding, requested_.front().count);
    requested_.pop_front();
    pool.outstanding -= answered;
    // Too little came: whoever takes now must not ask again before the next try.
    const bool shortage = message.descriptors.empty() || message.truncated;
    pool.refill_posted = shortage;
    starved_ |= shortage;
    if (reply.error_number == EAFNOSUPPORT) pool.unsupported = true;
    for (UniqueFd& socket : message.descriptors) pool.sockets.push_back(std::move(socket));
    // Our table is full. All of it in the pool would leave nothing for the clients.
    if (message.truncated) halve(pool);
    return true;
  }

  bool hand_out(const SocketReply& reply, base::ReceivedMessage& message) {
    std::deque<OpenDone>& waiting = waiting_[reply.kind];
    if (waiting.empty()) return false;
    const OpenDone done = std::move(waiting.front());
    waiting.pop_front();
    if (message.descriptors.empty()) {
      done(base::errno_error(reply.error_number != 0 ? reply.error_number : EMFILE,
                             reply.kind == SocketKind::kDiag
                                 ? "open a sock_diag socket in the container"
                                 : "open a datagram socket in the container"));
    } else {
      done(std::move(message.descriptors.front()));
    }
    return true;
  }

  void finish_arrival() {
    if (started_ && (pooled() > 0)) std::exchange(started_, nullptr)({});
    if (refilled_ && pooled() > 0) refilled_();
    if (std::exchange(starved_, false)) retry_refill_later();
    arm_shrinking();
  }

  // Our own descriptor table was full, or the namespace's limits are: ask again in a moment.
  void retry_refill_later() {
    retry_.expires_after(std::chrono::milliseconds(100));
    retry_.async_wait([self = shared_from_this()](error_code failure) {
      if (failure || self->closed_) return;
      self->refill(SocketKind::kTcp4);
      self->refill(SocketKind::kTcp6);
    });
  }

  void post_refill(SocketKind kind) {
    asio::post(loop_, [self = shared_from_this(), kind] { self->refill(kind); });
  }

  void refill(SocketKind kind) {
    if (closed_ || !joined_) return;
    std::size_t missing = 0;
    {
      const std::lock_guard lock(mutex_);
      Pool& pool = pools_[index_of(kind)];
      if (pool.unsupported) return;
      const std::size_t coming = pool.sockets.size() + pool.outstanding;
      missing = coming < pool.target ? pool.target - coming : 0;
      if (missing == 0) pool.refill_posted = false;
    }
    while (missing > 0) {
      const std::size_t count = std::min<std::size_t>(missing, kMaxSocketsPerRequest);
      if (!request(kind, count)) return;
      missing -= count;
    }
  }

  bool request(SocketKind kind, std::size_t count) {
    const SocketRequest wanted{RequestKind::kSockets, kind, static_cast<std::uint32_t>(count)};
    if (!send(&wanted, sizeof wanted))
      return false;  // a closed channel shows in read_replies; a full one is being read
    if (is_pooled(kind)) {
      const std::lock_guard lock(mutex_);
      pools_[index_of(kind)].outstanding += count;
      requested_.push_back({RequestKind::kSockets, kind, static_cast<std::uint32_t>(count)});
    }
    expect_answer();
    return true;
  }

  // Under load the pools have grown; give the surplus back when it has been quiet for a while.
  void arm_shrinking() {
    bool grown = false;
    {
      const std::lock_guard lock(mutex_);
      for (const Pool& pool : pools_) {
        grown |= pool.target > sizes_.idle_pool || pool.sockets.size() > sizes_.idle_pool;
      }
    }
    if (!grown) return;
    shrink_.expires_after(kQuietBeforeShrinking);
    shrink_.async_wait([self = shared_from_this()](error_code failure) {
      if (failure || self->closed_) return;
      const std::lock_guard lock(self->mutex_);
      for (Pool& pool : self->pools_) {
        pool.target = self->sizes_.idle_pool;
        if (pool.sockets.size() > pool.target) pool.sockets.resize(pool.target);
        pool.sockets.shrink_to_fit();
      }
    });
  }

  void drop_helper() {
    error_code ignored;
    channel_.close(ignored);
    joined_ = false;
    requested_.clear();
    silence_.cancel();
    source_->drop();
    const std::lock_guard lock(mutex_);
    for (Pool& pool : pools_) {
      pool.outstanding = 0;
      pool.refill_posted = false;
    }
  }

  void fail(const base::Error& error) {
    drop_helper();
    if (started_) {
      std::map<SocketKind, std::deque<OpenDone>> waiting;
      waiting.swap(waiting_);
      for (const auto& [kind, ones] : waiting) {
        for (const OpenDone& done : ones) done(error);
      }
      std::exchange(started_, nullptr)(error);
    } else {
      relaunch_later(error);
    }
  }

  void helper_lost(const base::Error& error) {
    const bool before_first_socket = static_cast<bool>(started_);
    drop_helper();
    if (before_first_socket) return fail(error);
    relaunch_later(error);
  }

  void relaunch_later(const base::Error& error) {
    if (closed_ || !init_.alive()) return;
    const auto now = base::steady_now();
    if (gone_since_ == base::SteadyTime{}) gone_since_ = now;
    if (!source_->trusted() && now - gone_since_ > kReplacePatience) {
      if (const auto lost = std::exchange(lost_, nullptr)) lost(error);
      return;
    }
    retry_.expires_after(backoff_.next());
    retry_.async_wait([self = shared_from_this()](error_code failure) {
      if (!failure) self->launch();
    });
  }

  asio::io_context& loop_;
  const InitProcess& init_;
  const std::unique_ptr<SocketSource> source_;
  const Sizes sizes_;
  asio::posix::stream_descriptor channel_;
  asio::steady_timer retry_;
  asio::steady_timer shrink_;
  asio::steady_timer silence_;
  base::Backoff backoff_{std::chrono::milliseconds(20), std::chrono::seconds(5)};
  Done started_;
  std::function<void()> refilled_;
  std::function<void(const base::Error&)> lost_;
  base::SteadyTime gone_since_{};  // the clock's zero: it is there
  std::map<SocketKind, std::deque<OpenDone>> waiting_;
  std::deque<SocketRequest> requested_;  // for TCP sockets, not answered yet, oldest first
  bool joined_ = false;
  bool starved_ = false;
  std::atomic<bool> closed_{false};
  std::uint64_t cookie_ = 0;

  mutable std::mutex mutex_;  // guards the pools' sockets, target, refill_posted
  std::array<Pool, kTcpKinds> pools_;
};

PooledSockets::PooledSockets(asio::io_context& loop, const InitProcess& init,
                             std::unique_ptr<SocketSource> source, Sizes sizes)
    : impl_(std::make_shared<Impl>(loop, init, std::move(source), sizes)) {}
PooledSockets::~PooledSockets() { impl_->close(); }
void PooledSockets::start(Done done) { impl_->start(std::move(done)); }
void PooledSockets::open_one(SocketKind kind, OpenDone done) {
  impl_->open_one(kind, std::move(done));
}
void PooledSockets::close() { impl_->close(); }
void PooledSockets::on_refilled(std::function<void()> listener) {
  impl_->on_refilled(std::move(listener));
}
void PooledSockets::on_lost(std::function<void(const base::Error&)> listener) {
  impl_->on_lost(std::move(listener));
}
bool PooledSockets::send(const void* data, std::size_t size) { return impl_->send(data, size); }
std::uint64_t PooledSockets::cookie() const { return impl_->cookie(); }
std::int64_t PooledSockets::helper_pid() const { return impl_->helper_pid(); }
std::size_t PooledSockets::pooled() const { return impl_->pooled(); }
UniqueFd PooledSockets::take(SocketKind kind) { return impl_->take(kind); }
void PooledSockets::give_back(SocketKind kind, UniqueFd socket) {
  impl_->give_back(kind, std::move(socket));
}
void PooledSockets::relieve() { impl_->relieve(); }
bool PooledSockets::supports(SocketKind kind) const { return impl_->supports(kind); }

}  // namespace fairlead::target
