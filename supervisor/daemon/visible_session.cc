#include "supervisor/daemon/visible_session.h"

#include <fcntl.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <optional>

#include "base/child_process.h"
#include "detect/activity_monitor.h"
#include "detect/cpu_counter.h"
#include "detect/diag_source.h"
#include "detect/listener_tracker.h"
#include "detect/procfs_source.h"
#include "detect/scan_schedule.h"
#include "relay/direct_dialer.h"
#include "relay/namespace_dialer.h"
#include "supervisor/daemon/agent_way.h"
#include "supervisor/daemon/exec_way.h"
#include "supervisor/daemon/mux_way.h"
#include "supervisor/daemon/nat_way.h"
#include "target/container_names.h"
#include "target/init_process.h"
#include "target/interface_addresses.h"
#include "target/setns_sockets.h"

namespace fairlead::daemon {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Descriptor = asio::posix::stream_descriptor;

// A server that is back within this keeps its host port.
constexpr auto kGrace = std::chrono::milliseconds(5);
// However fast listeners come and go, we look at most this often.
constexpr auto kShortestScanGap = std::chrono::milliseconds(2);
constexpr auto kEventPause = std::chrono::milliseconds(5);

// A machine short of something for a moment is not a container without a way in.
constexpr int kMostJoinAttempts = 8;
constexpr auto kJoinRetry = std::chrono::milliseconds(250);

constexpr int kMostFailedScans = 5;

bool is_passing(const base::Error& error) {
  const int number = error.code.value();
  return number == EAGAIN || number == EMFILE || number == ENFILE || number == ENOMEM;
}

// Asio closes what it is assigned; ours to keep is a duplicate.
base::Result<base::UniqueFd> duplicate(int fd) {
  base::UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) return base::errno_error("duplicate a descriptor");
  return copy;
}

class VisibleSession : public ContainerSession {
 public:
  VisibleSession(asio::io_context& loop, std::shared_ptr<const target::InitProcess> init,
                 const target::Target& container, const base::PrivateDirectory& state)
      : loop_(loop),
        init_(std::move(init)),
        names_(container.hosts_path, container.resolv_conf_path),
        exec_(loop, container.exec_prefix),
        agent_(loop, *init_, container, state, [this] { publish(); }),
        mux_(loop, container,
             {[](const auto&) {}, [this] { publish(); },
              [this](const auto& words) { handlers_.log(words); }}),
        nat_(loop, {[this](auto kind, auto opened) { return open_socket(kind, std::move(opened)); },
                    [this] { publish(); }, [this](const auto& words) { handlers_.log(words); }}),
        end_watch_(loop),
        event_watch_(loop),
        activity_watch_(loop),
        tick_(loop),
        event_pause_(loop),
        tracker_(kGrace) {
    nat_.set_addresses(container.addresses);
  }

  ~VisibleSession() override { close(); }

  void start(SessionHandlers handlers) override {
    handlers_ = std::move(handlers);
    if (auto watched = watch_end(); !watched) {
      obstacle_ = watched.error().message();
      return ready();
    }
    host_network_ = init_->shares_our_network().value_or(false);
    if (host_network_) return ready();
    auto counter = detect::CpuCounter::open(init_->identity().pid);
    if (counter) counter_.emplace(std::move(*counter));
    target::SetnsSockets::Options options;
    options.helper_argv = {base::kSelfExecutable, "__sockets"};
    join_options_ = std::move(options);
    join();
  }

  void join() {
    sockets_ = std::make_shared<target::SetnsSockets>(loop_, *init_, join_options_);
    sockets_->start([weak = weak_from_this(), this](const base::Result<void>& joined) {
      if (const auto self = weak.lock()) on_joined(joined);
    });
  }

  void close() override {
    if (std::exchange(closed_, true)) return;
    nat_.close();  // first of all: where it leads to may be somebody else's in a moment
    handlers_ = {};
    if (sockets_) sockets_->close();
    exec_.close();
    agent_.close();
    mux_.close();
    source_.reset();
    error_code ignored;
    end_watch_.close(ignored);
    event_watch_.close(ignored);
    activity_watch_.close(ignored);
    monitor_.reset();
    tick_.cancel();
    event_pause_.cancel();
    tracker_.clear();
  }

  void scan_now() override {
    if (!closed_ && source_) scan();
  }

  void set_shared(bool shared) override {
    shared_ = shared;
    schedule_.set_monitored(is_monitored());
    if (source_) schedule_tick();
  }
  void allow_side_container() override { agent_.allow_side_container(); }
  void look_again(const std::vector<base::IpAddress>& addresses) override {
    nat_.set_addresses(addresses);
    agent_.look_again();
    mux_.look_again();
  }
  bool sees_its_end() const override { return true; }
  bool uses_host_network() const override { return host_network_; }

  Capabilities capabilities() const override {
    Capabilities result;
    using State = WayIn::State;
    if (host_network_) {
      const WayIn closed{State::kClosed, "the container uses the host's own network"};
      return {closed, closed, closed, {}, closed, closed, closed};
    }
    result.namespace_sockets =
        dialer_ ? WayIn{State::kOpen, "namespace joined"} : WayIn{State::kClosed, obstacle_};
    result.direct = {State::kOpen, ""};
    result.exec = exec_.way();
    result.agent = agent_.way();
    result.mux = mux_.way();
    result.nat = dialer_ ? nat_.way() : WayIn{State::kClosed, "takes a socket of its network"};
    result.nat_address = nat_.address();
    return result;
  }

  std::shared_ptr<relay::Dialer> dialer(RelayKind kind) const override {
    if (kind == RelayKind::kNamespace) return dialer_;
    if (kind == RelayKind::kAgent) return agent_.dialer();
    if (kind == RelayKind::kExec) return exec_.dialer();
    if (kind == RelayKind::kMux) return mux_.dialer();
    if (kind != RelayKind::kDirect) return nullptr;
    // The dialer outlives this session with its last connection: it has its own share of the proof.
    return std::make_shared<relay::DirectDialer>([init = init_](const base::IpAddress& address) {
      return target::confirm_address(*init, address);
    });
  }

  void look_for(RelayKind kind, std::function<void()> done) override {
    if (kind == RelayKind::kExec) exec_.look(std::move(done));
    if (kind == RelayKind::kAgent) agent_.look(std::move(done));
    if (kind == RelayKind::kMux) mux_.look(std::move(done));
    if (kind == RelayKind::kNat) nat_.look(std::move(done));
  }
  KernelForwards* kernel_forwards() override { return &nat_; }

  // Whoever may join the namespace sees more of its processes from here.
  bool tells_owners() const override {
    return !dialer_ && (agent_.tells_owners() || mux_.tells_owners());
  }
  bool find_owners(const std::set<std::uint64_t>& inodes, OwnersFound found) override {
    return !dialer_ && (agent_.find_owners(inodes, found) || mux_.find_owners(inodes, found));
  }

  base::Result<void> confirm_address(const base::IpAddress& address) const override {
    return target::confirm_address(*init_, address);
  }

  void resolve(const std::string& host, ResolveDone done) override {
    const auto open = [weak = weak_from_this(), this](target::SocketKind kind, auto opened) {
      const auto self = weak.lock();
      auto* const sockets = self && !closed_ ? opener() : nullptr;
      if (sockets != nullptr) sockets->open_one(kind, std::move(opened));
    };
    const auto tell = [weak = weak_from_this(), this, done = std::move(done)](auto result) {
      const auto self = weak.lock();
      if (self && !closed_) done(std::move(result));
    };
    if (opener() == nullptr) {
      return tell(base::Result<std::vector<base::IpAddress>>(base::plain_error(obstacle_)));
    }
    names_.resolve(loop_, host, open, tell);
  }

  std::uint64_t namespace_cookie() const override {
    return opener() != nullptr ? opener()->cookie() : 0;
  }

 private:
  // Whoever makes sockets in the container's namespace; null: nobody.
  target::PooledSockets* opener() const {
    if (dialer_) return sockets_.get();
    return agent_.sockets();
  }

  bool open_socket(target::SocketKind kind, NatWay::Handlers::Opened opened) {
    if (closed_ || !dialer_) return false;
    sockets_->open_one(kind, std::move(opened));
    return true;
  }

  base::Result<void> watch_end() {
    auto copy = duplicate(init_->pidfd().get());
    if (!copy) return copy.error();
    end_watch_.assign(copy->release());
    wait_for_end();
    return {};
  }

  void wait_for_end() {
    end_watch_.async_wait(Descriptor::wait_read,
                          [weak = weak_from_this(), this](error_code failure) {
                            const auto self = weak.lock();
                            if (failure || !self || closed_) return;
                            if (init_->alive()) return wait_for_end();  // base::ready_now()
                            ended();
                          });
  }

  void ended() {
    const auto on_ended = handlers_.on_ended;
    close();
    on_ended();
  }

  void on_joined(const base::Result<void>& joined) {
    if (closed_) return;
    if (!joined && is_passing(joined.error()) && ++join_attempts_ < kMostJoinAttempts) {
      tick_.expires_after(kJoinRetry);
      tick_.async_wait([weak = weak_from_this(), this](error_code failure) {
        const auto self = weak.lock();
        if (!failure && self && !closed_) join();
      });
      return;
    }
    if (!joined) {
      obstacle_ = joined.error().message();
      return agent_.look([weak = weak_from_this(), this] {
        const auto self = weak.lock();
        if (!self || closed_) return;
        if (opener() == nullptr) return use_procfs();
        open_diag_sockets();
      });
    }
    dialer_ = std::make_shared<relay::NamespaceDialer>(sockets_);
    sockets_->on_refilled([dialer = dialer_] { dialer->sockets_arrived(); });
    open_diag_sockets();
  }

  void open_diag_sockets() {
    const auto collect = [weak = weak_from_this(), this](base::Result<base::UniqueFd> socket) {
      const auto self = weak.lock();
      if (self && !closed_) on_diag_socket(std::move(socket));
    };
    opener()->open_one(target::SocketKind::kDiag, collect);
    if (!closed_) opener()->open_one(target::SocketKind::kDiag, collect);
  }

  void on_diag_socket(base::Result<base::UniqueFd> socket) {
    if (socket) {
      diag_sockets_.push_back(std::move(*socket));
    } else {
      diag_sockets_.emplace_back();
      handlers_.log(socket.error().message());
    }
    if (diag_sockets_.size() < 2) return;
    if (!diag_sockets_[0]) return use_procfs();
    auto source = detect::DiagSource::create(*init_, std::move(diag_sockets_[0]),
                                             std::move(diag_sockets_[1]));
    if (!source) {
      handlers_.log(source.error().message());
      return use_procfs();
    }
    use(std::move(*source));
  }

  void use_procfs() {
    auto source = detect::ProcfsSource::open(*init_);
    if (source) return use(std::move(*source));
    if (!source_) obstacle_ = "the container's sockets cannot be seen: " + source.error().message();
    ready();
  }

  void use(std::unique_ptr<detect::ListenerSource> source) {
    error_code ignored;
    event_watch_.close(ignored);
    source_ = std::move(source);
    handlers_.log(std::string("listeners are seen by ") + source_->name());
    if (source_->event_fd() >= 0) {
      if (auto copy = duplicate(source_->event_fd()); copy) {
        event_watch_.assign(copy->release());
        wait_for_event();
      }
    }
    scan();
    if (!closed_) ready();
    if (closed_) return;
    watch_activity();
    schedule_tick();
  }

  // Both the monitor and the counter speak of the container's own cgroup: of no use where others
  // share the namespace.
  bool is_monitored() const { return monitor_ && counter_ && !shared_; }

  void watch_activity() {
    auto monitor = detect::ActivityMonitor::open(init_->identity().pid);
    if (!monitor) {
      return handlers_.log("listeners are looked for by a tick: " + monitor.error().message());
    }
    auto copy = duplicate(monitor->event_fd());
    if (!copy) return;
    monitor_.emplace(std::move(*monitor));
    activity_watch_.assign(copy->release());
    schedule_.set_monitored(is_monitored());
    schedule_.activity();  // until a tick finds that nothing runs
    wait_for_activity();
  }

  void wait_for_activity() {
    activity_watch_.async_wait(Descriptor::wait_read,
                               [weak = weak_from_this(), this](error_code failure) {
                                 const auto self = weak.lock();
                                 if (failure || !self || closed_) return;
                                 monitor_->pause();
                                 schedule_.activity();
                                 if (is_monitored()) scan_unless_just_done();
                                 if (closed_) return;
                                 schedule_tick();
                                 wait_for_activity();
                               });
  }

  void scan_unless_just_done() {
    if (base::steady_now() - last_scan_ >= kShortestScanGap) scan();
  }

  void ready() {
    if (const auto on_ready = std::exchange(handlers_.on_ready, nullptr)) on_ready();
  }

  void wait_for_event() {
    event_watch_.async_wait(Descriptor::wait_read,
                            [weak = weak_from_this(), this](error_code failure) {
                              const auto self = weak.lock();
                              if (failure || !self || closed_) return;
                              source_->drain_events();
                              on_listener_closed();
                              if (!closed_) pause_events();
                            });
  }

  // Connections that were reset look like listeners to the filter: a flood of them must not become
  // a flood of scans. What happens during the pause is seen at its end.
  void pause_events() {
    event_pause_.expires_after(kEventPause);
    event_pause_.async_wait([weak = weak_from_this(), this](error_code failure) {
      const auto self = weak.lock();
      if (!failure && self && !closed_) wait_for_event();
    });
  }

  void on_listener_closed() {
    schedule_.listener_gone(base::steady_now());
    scan_unless_just_done();
    if (!closed_) schedule_tick();
  }

  void schedule_tick() {
    const auto now = base::steady_now();
    auto at = now + schedule_.next_tick(now);
    if (const auto expiry = tracker_.next_expiry()) at = std::min(at, *expiry);
    tick_.expires_at(std::max(at, last_scan_ + kShortestScanGap));
    tick_.async_wait([weak = weak_from_this(), this](error_code failure) {
      const auto self = weak.lock();
      if (failure || !self || closed_) return;
      tick();
      if (!closed_) schedule_tick();
    });
  }

  void tick() {
    const auto now = base::steady_now();
    const auto usage = cpu_usage();
    const auto step = schedule_.tick(now, usage);
    if (step == detect::ScanSchedule::Step::kScan) {
      scan_with(usage);
    } else if (tracker_.expire(now)) {
      publish();
    }
    if (!closed_ && step == detect::ScanSchedule::Step::kRest) resume_monitor();
  }

  // Whatever ran between the last look and the monitor's resumption shows in the counter.
  void resume_monitor() {
    monitor_->resume();
    const auto usage = cpu_usage();
    if (!schedule_.should_scan(base::steady_now(), usage)) return;
    schedule_.activity();
    scan_with(usage);
  }

  std::optional<std::uint64_t> cpu_usage() const {
    return counter_ && !shared_ ? counter_->read() : std::nullopt;
  }

  void scan() { scan_with(cpu_usage()); }

  void scan_with(std::optional<std::uint64_t> usage) {
    const auto now = base::steady_now();
    last_scan_ = now;
    auto snapshot = source_->scan();
    if (!snapshot) {
      // The last picture stays. If the container has ended, its pidfd says so in a moment.
      if (failed_scans_++ == 0) handlers_.log("scan failed: " + snapshot.error().message());
      // A socket that came from within may be no good; what this machine shows is.
      if (failed_scans_ == kMostFailedScans && !dialer_) use_procfs();
      return;
    }
    failed_scans_ = 0;
    schedule_.scanned(now, usage);
    if (snapshot->dropped > 0 && !std::exchange(told_dropped_, true)) {
      handlers_.warn(std::to_string(snapshot->dropped) + " listeners beyond the first " +
                     std::to_string(detect::kMaxListeners) + " are left out");
    }
    if (tracker_.observe(*snapshot, now)) publish();
  }

  void publish() {
    if (handlers_.on_picture) handlers_.on_picture(tracker_.settled());
  }

  asio::io_context& loop_;
  std::shared_ptr<const target::InitProcess> init_;
  target::ContainerNames names_;
  ExecWay exec_;
  AgentWay agent_;
  MuxWay mux_;
  NatWay nat_;
  SessionHandlers handlers_;
  Descriptor end_watch_;
  Descriptor event_watch_;
  Descriptor activity_watch_;
  asio::steady_timer tick_;
  asio::steady_timer event_pause_;
  std::optional<detect::CpuCounter> counter_;
  std::optional<detect::ActivityMonitor> monitor_;
  std::shared_ptr<target::SetnsSockets> sockets_;
  std::shared_ptr<relay::NamespaceDialer> dialer_;
  std::vector<base::UniqueFd> diag_sockets_;
  std::unique_ptr<detect::ListenerSource> source_;
  detect::ListenerTracker tracker_;
  target::SetnsSockets::Options join_options_;
  int join_attempts_ = 0;
  detect::ScanSchedule schedule_;
  base::SteadyTime last_scan_{};
  std::string obstacle_;
  bool host_network_ = false;
  bool shared_ = false;
  int failed_scans_ = 0;
  bool told_dropped_ = false;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<ContainerSession> make_visible_session(asio::io_context& loop,
                                                       target::InitProcess init,
                                                       const target::Target& container,
                                                       const base::PrivateDirectory& state) {
  return std::make_shared<VisibleSession>(
      loop, std::make_shared<const target::InitProcess>(std::move(init)), container, state);
}

}  // namespace fairlead::daemon
