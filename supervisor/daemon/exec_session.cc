#include "supervisor/daemon/exec_session.h"

#include <boost/asio/steady_timer.hpp>
#include <cerrno>

#include "base/backoff.h"
#include "detect/diag_answer.h"
#include "detect/listener_tracker.h"
#include "detect/proc_net_tcp.h"
#include "supervisor/daemon/exec_way.h"
#include "supervisor/daemon/mux_way.h"

namespace fairlead::daemon {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using target::ExecChannel;

// A look is a process here and one in the container: rare, and rarer while nothing changes.
constexpr auto kShortestGap = std::chrono::milliseconds(500);
constexpr auto kLongestGap = std::chrono::milliseconds(4000);
constexpr auto kListingPatience = std::chrono::milliseconds(5000);
// 4,096 rows of each table and something over.
constexpr std::size_t kMostListing = 2U << 20;
constexpr const char* kElsewhere =
    "the container's processes cannot be seen on this machine (its engine runs elsewhere?)";

class ExecSession : public ContainerSession {
 public:
  ExecSession(asio::io_context& loop, const target::Target& container)
      : exec_(loop, container.exec_prefix),
        mux_(loop, container,
             {[this](const auto& answer) { on_listeners(answer); }, [this] { mux_changed(); },
              [this](const std::string& words) { handlers_.log(words); }}),
        timer_(loop),
        tracker_(std::chrono::milliseconds(0)),
        gap_(kShortestGap, kLongestGap) {}
  ~ExecSession() override { close(); }

  void start(SessionHandlers handlers) override {
    handlers_ = std::move(handlers);
    mux_.look([weak = weak_from_this(), this] {
      const auto self = weak.lock();
      if (self && !closed_ && !mux_.way().open()) see_by_exec();
    });
  }

  void close() override {
    if (std::exchange(closed_, true)) return;
    handlers_ = {};
    exec_.close();
    mux_.close();
    timer_.cancel();
    tracker_.clear();
  }

  void scan_now() override {
    if (closed_ || command_.empty() || mux_sees_) return;
    gap_.reset();
    if (!looking_) look();
  }

  void set_shared(bool shared) override { (void)shared; }
  void allow_side_container() override {}
  void look_again(const std::vector<base::IpAddress>&) override { mux_.look_again(); }
  bool sees_its_end() const override { return false; }
  bool uses_host_network() const override { return false; }

  Capabilities capabilities() const override {
    Capabilities result;
    result.namespace_sockets.words = kElsewhere;
    result.agent.words = kElsewhere;
    result.nat.words = kElsewhere;
    result.direct.words = "an address cannot be proven to be the container's from here";
    result.mux = mux_.way();
    result.exec = exec_words_.empty() ? exec_.way() : WayIn{WayIn::State::kClosed, exec_words_};
    return result;
  }
  void look_for(RelayKind kind, std::function<void()> done) override {
    if (kind == RelayKind::kExec) exec_.look(std::move(done));
    if (kind == RelayKind::kMux) mux_.look(std::move(done));
  }
  bool tells_owners() const override { return mux_.tells_owners(); }
  bool find_owners(const std::set<std::uint64_t>& inodes, OwnersFound found) override {
    return mux_.find_owners(inodes, std::move(found));
  }
  std::shared_ptr<relay::Dialer> dialer(RelayKind kind) const override {
    if (kind == RelayKind::kMux) return mux_.dialer();
    return kind == RelayKind::kExec ? exec_.dialer() : nullptr;
  }
  KernelForwards* kernel_forwards() override { return nullptr; }
  base::Result<void> confirm_address(const base::IpAddress& address) const override {
    return base::errno_error(EADDRNOTAVAIL, address.to_string());
  }
  std::uint64_t namespace_cookie() const override { return 0; }
  void resolve(const std::string& host, ResolveDone done) override {
    done(base::plain_error("\"" + host + "\" cannot be looked up: " + std::string(kElsewhere)));
  }

 private:
  // The agent tells of every change by itself.
  void on_listeners(const base::Result<std::string>& answer) {
    if (closed_) return;
    const auto picture = answer ? detect::parse_diag_answer(*answer)
                                : base::Result<detect::Snapshot>(answer.error());
    if (!picture) {
      if (!std::exchange(told_blind_, true)) {
        handlers_.log("the agent cannot see listeners: " + picture.error().message());
      }
      return see_by_exec();
    }
    if (!mux_sees_ && !told_blind_) handlers_.log("listeners are seen by the agent");
    mux_sees_ = true;
    timer_.cancel();
    show(*picture);
    if (!closed_) ready();
  }

  void mux_changed() {
    if (closed_) return;
    if (!mux_.way().open()) see_by_exec();
    if (!closed_ && handlers_.on_picture) handlers_.on_picture(tracker_.settled());
  }

  void see_by_exec() {
    mux_sees_ = false;
    if (std::exchange(exec_begun_, true)) {
      if (!command_.empty() && !looking_) look();
      return;
    }
    exec_.look([weak = weak_from_this(), this] {
      const auto self = weak.lock();
      if (!self || closed_) return;
      command_ = target::read_sockets_command(exec_.tools());
      if (command_.empty()) {
        exec_words_ = "need cat or bash in the container to see its listeners";
        return ready();
      }
      handlers_.log("listeners are seen by exec");
      look();
    });
  }

  void show(const detect::Snapshot& picture) {
    if (!tracker_.observe(picture, base::steady_now())) return;
    gap_.reset();
    if (handlers_.on_picture) handlers_.on_picture(tracker_.settled());
  }

  void look() {
    looking_ = true;
    timer_.cancel();
    exec_.channel()->run(command_, kListingPatience, kMostListing,
                         [weak = weak_from_this(), this](const auto& answer) {
                           const auto self = weak.lock();
                           if (!self || closed_) return;
                           looking_ = false;
                           if (mux_sees_) return;
                           looked(answer);
                           if (closed_) return;
                           ready();
                           if (!closed_) look_later();
                         });
  }

  void looked(const base::Result<ExecChannel::Output>& answer) {
    auto picture = picture_of(answer);
    if (!picture) {
      // The last picture stays; the engine says if the container has ended.
      if (!std::exchange(failing_, true))
        handlers_.log("scan failed: " + picture.error().message());
      return;
    }
    failing_ = false;
    show(*picture);
  }

  // A command that failed, or was cut off, has shown nothing.
  static base::Result<detect::Snapshot> picture_of(
      const base::Result<ExecChannel::Output>& answer) {
    if (!answer) return answer.error();
    if (answer->text.size() >= kMostListing) return base::plain_error("more sockets than we read");
    // Without IPv6 there is no second table, and cat says so by its status.
    const bool half = answer->status == 1 && !answer->text.empty();
    if (answer->status != 0 && !half) {
      return base::plain_error("exec ended with status " + std::to_string(answer->status));
    }
    return detect::parse_socket_tables(answer->text);
  }

  void look_later() {
    timer_.expires_after(gap_.next());
    timer_.async_wait([weak = weak_from_this(), this](error_code failure) {
      const auto self = weak.lock();
      if (!failure && self && !closed_ && !looking_) look();
    });
  }

  void ready() {
    if (const auto on_ready = std::exchange(handlers_.on_ready, nullptr)) on_ready();
  }

  ExecWay exec_;
  MuxWay mux_;
  asio::steady_timer timer_;
  detect::ListenerTracker tracker_;
  base::Backoff gap_;
  SessionHandlers handlers_;
  std::vector<std::string> command_;
  std::string exec_words_;
  bool looking_ = false;
  bool mux_sees_ = false;
  bool told_blind_ = false;
  bool exec_begun_ = false;
  bool failing_ = false;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<ContainerSession> make_exec_session(asio::io_context& loop,
                                                    const target::Target& container) {
  return std::make_shared<ExecSession>(loop, container);
}

}  // namespace fairlead::daemon
