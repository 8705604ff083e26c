#include "target/pooled_sockets.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <deque>
#include <map>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/net.h"
#include "target/foreign_socket.h"
#include "target/socket_maker.h"
#include "target/socket_pools.h"
#include "target/socket_protocol.h"

namespace fairlead::target {
namespace {

namespace asio = boost::asio;
using base::UniqueFd;
using boost::system::error_code;

constexpr auto kQuietBeforeShrinking = std::chrono::seconds(2);
// Messages read before others have their turn: who floods must not hold up the loop.
constexpr int kMostAtOnce = 256;
// The longest message there is, and one byte by which a longer one shows.
constexpr std::size_t kLongestMessage = sizeof(OwnerReply) + 1;

const char* words_of(SocketKind kind) {
  if (kind == SocketKind::kDiag) return "sock_diag";
  return kind == SocketKind::kRoute ? "route" : "datagram";
}

std::size_t index_of(SocketKind kind) { return static_cast<std::size_t>(kind); }

// What the network namespace of this very process is called.
std::uint64_t own_cookie() {
  const UniqueFd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe ? namespace_cookie(probe.get()) : 0;
}

}  // namespace

class PooledSockets::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& loop, const InitProcess& init, std::unique_ptr<SocketSource> source,
       Sizes sizes, Patience patience)
      : loop_(loop),
        init_(init),
        source_(std::move(source)),
        pools_(sizes.idle_pool, sizes.largest_pool),
        patience_(patience),
        channel_(loop),
        retry_(loop),
        shrink_(loop),
        silence_(loop) {}

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
    pools_.close();
    started_ = nullptr;
    refilled_ = nullptr;
    waiting_.clear();
  }

  UniqueFd take(SocketKind kind) {
    if (!is_pooled(kind)) return {};  // open_one() is the way to those
    SocketPools::Taken taken = pools_.take(kind);
    if (taken.wants_refill) post_refill(kind);
    return std::move(taken.socket);
  }

  void give_back(SocketKind kind, UniqueFd socket) {
    if (is_pooled(kind)) pools_.give_back(kind, std::move(socket));
  }

  void relieve() { pools_.relieve(); }
  bool supports(SocketKind kind) const { return !is_pooled(kind) || pools_.supports(kind); }
  std::size_t pooled() const { return pools_.size(); }

  std::uint64_t cookie() const { return cookie_; }
  std::int64_t helper_pid() const { return source_->pid(); }
  void on_refilled(std::function<void()> listener) { refilled_ = std::move(listener); }
  void on_lost(std::function<void(const base::Error&)> listener) { lost_ = std::move(listener); }

  bool send(const void* data, std::size_t size) {
    return joined_ &&
           base::send_descriptors(channel_.native_handle(), data, size, nullptr, 0).has_value();
  }

 private:
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
    for (int left = kMostAtOnce; left > 0; --left) {
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
    if (index_of(reply.kind) > index_of(SocketKind::kRoute)) return false;
    if (!source_->trusted()) {
      // First of all: closing them must not wait for anybody, whatever they turn out to be.
      for (const UniqueFd& socket : message.descriptors) base::reset_on_close(socket.get());
      for (const UniqueFd& socket : message.descriptors) {
        if (!adopt_foreign_socket(socket.get(), reply.kind, cookie_)) return false;
      }
    }
    arrived = true;
    return store(reply, message);
  }

  bool is_owed_an_answer() const {
    return !joined_ || started_ || !requested_.empty() ||
           std::any_of(waiting_.begin(), waiting_.end(),
                       [](const auto& entry) { return !entry.second.empty(); });
  }

  // A process that is not ours answers in time, or is given up; the first socket is due at a fixed
  // time, whatever comes before it.
  void expect_answer() {
    if (source_->trusted()) return;
    if (!is_owed_an_answer()) {
      silence_.cancel();
      return;
    }
    if (started_ && std::exchange(first_is_due_, true)) return;
    silence_.expires_after(patience_.answer);
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
    // Only the kernel may lack it, and then we do, too.
    if (!source_->trusted() && reply.namespace_cookie == 0 && own_cookie() != 0) {
      return fail(base::plain_error("the container's network cannot be told from another"));
    }
    cookie_ = reply.namespace_cookie;
    joined_ = true;
    joined_at_ = base::steady_now();
    if (source_->trusted()) backoff_.reset();
    pools_.forget_asked();
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
    const std::size_t count = requested_.front().count;
    requested_.pop_front();
    if (reply.error_number == EAFNOSUPPORT) pools_.set_unsupported(reply.kind);
    starved_ |= pools_.store(reply.kind, count, std::move(message.descriptors), message.truncated);
    return true;
  }

  bool hand_out(const SocketReply& reply, base::ReceivedMessage& message) {
    std::deque<OpenDone>& waiting = waiting_[reply.kind];
    if (waiting.empty() || message.descriptors.size() > 1) return false;
    const OpenDone done = std::move(waiting.front());
    waiting.pop_front();
    if (message.descriptors.empty()) {
      done(base::errno_error(
          reply.error_number != 0 ? reply.error_number : EMFILE,
          std::string("open a ") + words_of(reply.kind) + " socket in the container"));
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
    std::size_t missing = pools_.missing(kind);
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
      pools_.asked(kind, count);
      requested_.push_back({RequestKind::kSockets, kind, static_cast<std::uint32_t>(count)});
    }
    expect_answer();
    return true;
  }

  // Under load the pools have grown; give the surplus back when it has been quiet for a while.
  void arm_shrinking() {
    if (!pools_.has_grown()) return;
    shrink_.expires_after(kQuietBeforeShrinking);
    shrink_.async_wait([self = shared_from_this()](error_code failure) {
      if (!failure) self->pools_.shrink();
    });
  }

  void drop_helper() {
    error_code ignored;
    channel_.close(ignored);
    joined_ = false;
    requested_.clear();
    silence_.cancel();
    first_is_due_ = false;
    source_->drop();
    pools_.forget_asked();
  }

  void fail(const base::Error& error) {
    drop_helper();
    if (started_) {
      fail_waiting(error);
      std::exchange(started_, nullptr)(error);
    } else {
      relaunch_later(error);
    }
  }

  void fail_waiting(const base::Error& error) {
    std::map<SocketKind, std::deque<OpenDone>> waiting;
    waiting.swap(waiting_);
    for (const auto& [kind, ones] : waiting) {
      for (const OpenDone& done : ones) done(error);
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
    // What one that is not ours says at first proves nothing: it has to last.
    const auto joined_at = std::exchange(joined_at_, base::SteadyTime{});
    if (joined_at != base::SteadyTime{} && now - joined_at > patience_.replace) {
      backoff_.reset();
      gone_since_ = {};
    }
    if (gone_since_ == base::SteadyTime{}) gone_since_ = now;
    if (!source_->trusted() && now - gone_since_ > patience_.replace) {
      fail_waiting(error);
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
  SocketPools pools_;
  const Patience patience_;
  asio::posix::stream_descriptor channel_;
  asio::steady_timer retry_;
  asio::steady_timer shrink_;
  asio::steady_timer silence_;
  base::Backoff backoff_{std::chrono::milliseconds(20), std::chrono::seconds(5)};
  Done started_;
  std::function<void()> refilled_;
  std::function<void(const base::Error&)> lost_;
  base::SteadyTime gone_since_{};  // the clock's zero: it is there
  base::SteadyTime joined_at_{};   // the clock's zero: it has not
  bool first_is_due_ = false;
  std::map<SocketKind, std::deque<OpenDone>> waiting_;
  std::deque<SocketRequest> requested_;  // for TCP sockets, not answered yet, oldest first
  bool joined_ = false;
  bool starved_ = false;
  std::atomic<bool> closed_{false};
  std::uint64_t cookie_ = 0;
};

PooledSockets::PooledSockets(asio::io_context& loop, const InitProcess& init,
                             std::unique_ptr<SocketSource> source, Sizes sizes, Patience patience)
    : impl_(std::make_shared<Impl>(loop, init, std::move(source), sizes, patience)) {}
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
