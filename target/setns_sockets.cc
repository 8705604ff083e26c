#include "target/setns_sockets.h"

#include <array>
#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "base/backoff.h"
#include "base/child_process.h"
#include "base/net.h"
#include "target/socket_helper.h"

namespace fairlead::target {
namespace {

namespace asio = boost::asio;
using base::UniqueFd;
using boost::system::error_code;

constexpr std::size_t kTcpKinds = 2;
constexpr auto kQuietBeforeShrinking = std::chrono::seconds(2);

std::size_t index_of(SocketKind kind) { return static_cast<std::size_t>(kind); }
bool is_pooled(SocketKind kind) { return index_of(kind) < kTcpKinds; }

// What the network namespace of this very process is called.
std::uint64_t own_cookie() {
  const UniqueFd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe ? namespace_cookie(probe.get()) : 0;
}

}  // namespace

class SetnsSockets::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& loop, const InitProcess& init, Options options)
      : loop_(loop),
        init_(init),
        options_(std::move(options)),
        channel_(loop),
        retry_(loop),
        shrink_(loop) {
    for (Pool& pool : pools_) pool.target = options_.idle_pool;
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
        if (!socket) pool.target = std::min(pool.target * 2, options_.largest_pool);
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
  std::int64_t helper_pid() const { return helper_ ? helper_->pid() : 0; }
  void on_refilled(std::function<void()> listener) { refilled_ = std::move(listener); }

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
    auto pair = base::make_packet_pair();
    if (!pair) return fail(pair.error());
    base::SpawnOptions spawn_options;
    spawn_options.argv = options_.helper_argv;
    spawn_options.extra_fd = pair->second.get();
    spawn_options.die_with_parent = true;
    auto child = base::spawn(spawn_options);
    if (!child) return fail(child.error());
    helper_ = std::move(*child);
    channel_.assign(pair->first.release());
    const JoinRequest join{init_.has_own_user_namespace() ? 1U : 0U};
    const int pidfd = init_.pidfd().get();
    const auto sent =
        base::send_descriptors(channel_.native_handle(), &join, sizeof join, &pidfd, 1);
    if (!sent) return fail(sent.error());
    wait_for_reply();
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
      SocketReply reply;
      auto message = base::receive_descriptors(channel_.native_handle(), &reply, sizeof reply);
      if (!message && message.error().code.value() == EAGAIN) break;
      if (!message) return helper_lost(message.error());
      if (message->size != sizeof reply) {
        return helper_lost(base::plain_error("the socket helper ended"));
      }
      if (reply.reply == ReplyKind::kJoined) {
        if (!accept_join(reply)) return;
      } else {
        store(reply, *message);
        arrived = true;
      }
      if (closed_) return;
    }
    if (arrived) finish_arrival();
    if (!closed_ && channel_.is_open()) wait_for_reply();
  }

  bool accept_join(const SocketReply& reply) {
    if (reply.error_number != 0) {
      fail(base::errno_error(reply.error_number, "join the container's network namespace"));
      return false;
    }
    // The proof that we joined this container and nobody's else: its init process, whose descriptor
    // the helper joined by, lives now, and a namespace we knew keeps its cookie.
    const bool strange = cookie_ != 0 && reply.namespace_cookie != cookie_;
    if (!init_.alive() || strange) {
      fail(base::errno_error(ESRCH, "the container's init process"));
      return false;
    }
    if (reply.namespace_cookie != 0 && reply.namespace_cookie == own_cookie()) {
      fail(base::plain_error("the container uses this host's own network"));
      return false;
    }
    cookie_ = reply.namespace_cookie;
    joined_ = true;
    backoff_.reset();
    for (Pool& pool : pools_) pool.outstanding = 0;
    for (const auto& [kind, waiting] : waiting_) {
      for (std::size_t i = 0; i < waiting.size(); ++i) request(kind, 1);
    }
    refill(SocketKind::kTcp4);
    refill(SocketKind::kTcp6);
    return true;
  }

  void store(const SocketReply& reply, base::ReceivedMessage& message) {
    if (!is_pooled(reply.kind)) return hand_out(reply, message);
    const std::lock_guard lock(mutex_);
    Pool& pool = pools_[index_of(reply.kind)];
    const std::size_t answered = std::min<std::size_t>(pool.outstanding, requested_.front());
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
  }

  void hand_out(const SocketReply& reply, base::ReceivedMessage& message) {
    std::deque<OpenDone>& waiting = waiting_[reply.kind];
    if (waiting.empty()) return;
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
    const SocketRequest wanted{kind, static_cast<std::uint32_t>(count)};
    const auto sent =
        base::send_descriptors(channel_.native_handle(), &wanted, sizeof wanted, nullptr, 0);
    if (!sent) return false;  // a closed channel shows in read_replies; a full one is being read
    if (is_pooled(kind)) {
      const std::lock_guard lock(mutex_);
      pools_[index_of(kind)].outstanding += count;
      requested_.push_back(count);
    }
    return true;
  }

  // Under load the pools have grown; give the surplus back when it has been quiet for a while.
  void arm_shrinking() {
    bool grown = false;
    {
      const std::lock_guard lock(mutex_);
      for (const Pool& pool : pools_) {
        grown |= pool.target > options_.idle_pool || pool.sockets.size() > options_.idle_pool;
      }
    }
    if (!grown) return;
    shrink_.expires_after(kQuietBeforeShrinking);
    shrink_.async_wait([self = shared_from_this()](error_code failure) {
      if (failure || self->closed_) return;
      const std::lock_guard lock(self->mutex_);
      for (Pool& pool : self->pools_) {
        pool.target = self->options_.idle_pool;
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
    if (helper_) {
      helper_->kill();
      helper_->wait();  // it was killed: this is a matter of microseconds
      helper_.reset();
    }
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
      relaunch_later();
    }
  }

  void helper_lost(const base::Error& error) {
    const bool before_first_socket = static_cast<bool>(started_);
    drop_helper();
    if (before_first_socket) return fail(error);
    relaunch_later();
  }

  void relaunch_later() {
    if (closed_ || !init_.alive()) return;
    retry_.expires_after(backoff_.next());
    retry_.async_wait([self = shared_from_this()](error_code failure) {
      if (!failure) self->launch();
    });
  }

  asio::io_context& loop_;
  const InitProcess& init_;
  const Options options_;
  asio::posix::stream_descriptor channel_;
  asio::steady_timer retry_;
  asio::steady_timer shrink_;
  std::optional<base::ChildProcess> helper_;
  base::Backoff backoff_{std::chrono::milliseconds(20), std::chrono::seconds(5)};
  Done started_;
  std::function<void()> refilled_;
  std::map<SocketKind, std::deque<OpenDone>> waiting_;
  std::deque<std::size_t> requested_;  // sizes of the TCP requests under way, oldest first
  bool joined_ = false;
  bool starved_ = false;
  std::atomic<bool> closed_{false};
  std::uint64_t cookie_ = 0;

  mutable std::mutex mutex_;  // guards the pools' sockets, target, refill_posted
  std::array<Pool, kTcpKinds> pools_;
};

SetnsSockets::SetnsSockets(asio::io_context& loop, const InitProcess& init, Options options)
    : impl_(std::make_shared<Impl>(loop, init, std::move(options))) {}
SetnsSockets::~SetnsSockets() { impl_->close(); }
void SetnsSockets::start(Done done) { impl_->start(std::move(done)); }
void SetnsSockets::open_one(SocketKind kind, OpenDone done) {
  impl_->open_one(kind, std::move(done));
}
void SetnsSockets::close() { impl_->close(); }
void SetnsSockets::on_refilled(std::function<void()> listener) {
  impl_->on_refilled(std::move(listener));
}
std::uint64_t SetnsSockets::cookie() const { return impl_->cookie(); }
std::int64_t SetnsSockets::helper_pid() const { return impl_->helper_pid(); }
std::size_t SetnsSockets::pooled() const { return impl_->pooled(); }
UniqueFd SetnsSockets::take(SocketKind kind) { return impl_->take(kind); }
void SetnsSockets::give_back(SocketKind kind, UniqueFd socket) {
  impl_->give_back(kind, std::move(socket));
}
void SetnsSockets::relieve() { impl_->relieve(); }
bool SetnsSockets::supports(SocketKind kind) const { return impl_->supports(kind); }

}  // namespace fairlead::target
