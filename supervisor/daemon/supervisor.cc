#include "supervisor/daemon/supervisor.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <deque>
#include <set>

#include "supervisor/daemon/browser.h"
#include "supervisor/daemon/container_session.h"
#include "supervisor/daemon/control_protocol.h"
#include "supervisor/daemon/event_journal.h"
#include "supervisor/daemon/forward_set.h"
#include "supervisor/daemon/listener_owners.h"
#include "supervisor/daemon/listing.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/network_sharing.h"
#include "supervisor/daemon/port_story.h"
#include "supervisor/daemon/relay_chooser.h"
#include "supervisor/daemon/service_names.h"
#include "supervisor/version.h"
#include "target/agent_directory.h"

namespace fairlead::daemon {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using config::Json;
using engine::EngineEvent;

constexpr auto kLongestDormancy = std::chrono::hours(24);
constexpr auto kStopDrain = std::chrono::milliseconds(1000);
constexpr auto kStopPoll = std::chrono::milliseconds(10);
constexpr auto kRetry = std::chrono::seconds(1);
constexpr std::size_t kMaxNotices = 32;

}  // namespace

class Supervisor::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(Context context, SupervisorConfig config)
      : context_(std::move(context)),
        config_(std::move(config)),
        dormancy_(context_.loop),
        drain_(context_.loop),
        inspect_retry_(context_.loop),
        host_port_retry_(context_.loop),
        chooser_(context_.loop, [this] { apply(); }),
        worker_(context_.loop),
        owners_(worker_, [this] { apply(); }),
        names_(context_.loop, [this] { apply(); }),
        registry_(context_.state, context_.marker.process),
        forwards_({context_.data_plane, registry_, worker_, config_.container_id, config_.workspace,
                   config_.rules.service, [this] { changed(); }, log_info, log_warning,
                   [this](const std::string& text) { notice(text); },
                   [this] { return session_ ? session_->kernel_forwards() : nullptr; }}) {}

  void start(std::function<void(Json)> ready) {
    ready_ = std::move(ready);
    sharing_ = std::make_shared<NetworkSharing>(NetworkSharing::Context{
        context_.loop, context_.engine, worker_, context_.supervisors, context_.marker,
        [this] {
          if (session_) session_->set_shared(true);
        },
        [this] {
          if (session_ready_) apply();
        },
        [this] { changed(); }});
    context_.engine.watch([this] { refresh(); }, [this](const EngineEvent& event) { on(event); });
    refresh();
  }

  void stop(const std::string& why) {
    if (std::exchange(stopping_, true)) return;
    log_info("ending: " + why);
    close_session();
    forwards_.drop_all(kStopDrain);
    drained_by_ = base::steady_now() + kStopDrain;
    wait_until_drained();
  }

  void handle(const Json& request, std::function<void(Json)> reply) {
    const std::string op = request.value("op", "");
    if (stopping_) return reply(failure("is ending"));
    if (op == "hello") {
      return reply({{"v", kControlVersion},
                    {"ok", true},
                    {"version", kVersion},
                    {"containerId", config_.container_id}});
    }
    if (op == "stop") {
      reply({{"v", kControlVersion}, {"ok", true}});
      return stop("asked to");
    }
    if (op == "events") {
      const auto page = journal_.since(request.value("since", std::uint64_t{0}));
      return reply(
          {{"v", kControlVersion}, {"ok", true}, {"events", page.events}, {"next", page.next}});
    }
    if (op == "why") {
      Json story = port_story(request.value("port", std::uint16_t{0}),
                              {view(), config_.rules, listeners_, container_.published,
                               forwards_.view(), container_.init_pid});
      story.update({{"v", kControlVersion}, {"ok", true}, {"state", state_name()}});
      return reply(std::move(story));
    }
    if (op == "configure" || op == "add" || op == "remove") {
      if (auto changed_rules = change_rules(config_.rules, op, request); !changed_rules) {
        return reply(failure(changed_rules.error().message()));
      }
      cap_told_ = false;
      save_marker();
      apply();
    } else if (op != "list") {
      return reply(failure("unknown request"));
    }
    if (op == "list" && !request.value("sync", false)) return reply(listing());
    if (session_) session_->scan_now();
    waiting_.push_back(std::move(reply));
    answer_when_settled();
  }

  // The listing with what has not been told yet; telling it once is enough.
  Json telling() {
    Json answer = listing();
    answer["notices"] = conditions();
    for (const std::string& text : notices_) answer["notices"].push_back(text);
    notices_.clear();
    return answer;
  }

  ContainerView view() const {
    return {
        config_.container_id, config_.container_name, container_.engine, config_.workspace, paused_,
        config_.rules.service};
  }

  Json listing() const {
    const ContainerView container = view();
    Json forwards = Json::array();
    for (const ForwardView& forward : forwards_.view()) {
      forwards.push_back(to_json(container, forward));
    }
    return {{"v", kControlVersion},
            {"ok", true},
            {"version", kVersion},
            {"containerId", config_.container_id},
            {"containerName", config_.container_name},
            {"state", state_name()},
            {"forwards", std::move(forwards)}};
  }

  Json take_news() { return std::exchange(news_, {}); }

  // Breaks the cycles of callbacks.
  void close() {
    close_session();
    ready_ = nullptr;
    waiting_.clear();
    dormancy_.cancel();
    drain_.cancel();
    inspect_retry_.cancel();
    host_port_retry_.cancel();
    chooser_.clear();
  }

 private:
  Json conditions() const {
    if (!session_ || !session_ready_) return Json::array();
    return session_conditions(*session_, container_.name);
  }

  std::string state_name() const {
    if (stopping_) return "stopping";
    if (session_) return paused_ ? "paused" : "running";
    return "dormant";
  }

  void on(const EngineEvent& event) {
    if (stopping_) return;
    names_.refresh();  // whose container it is tells nothing of its name
    if (event.container_id != config_.container_id) {
      // Somebody may have joined this container's network.
      if (event.kind == EngineEvent::Kind::kStarted && session_) sharing_->look_for_sharers();
      return;
    }
    if (event.kind == EngineEvent::Kind::kRemoved) return removed("the container was removed");
    refresh();
  }

  void removed(const std::string& why) {
    stop(why);
    target::AgentDirectory::remove(context_.state, container_.agent_source);
  }

  // Asks the engine how the container is and acts on the answer, whatever led here.
  void refresh() {
    if (stopping_) return;
    context_.engine.inspect(config_.container_id,
                            [weak = weak_from_this(), this](base::Result<target::Target> answer) {
                              const auto self = weak.lock();
                              if (self && !stopping_) inspected(std::move(answer));
                            });
  }

  void inspected(base::Result<target::Target> answer) {
    if (!answer) {
      if (answer.error().code.value() == ENOENT) return removed("the container no longer exists");
      log_warning("cannot ask the engine: " + answer.error().message());
      // What runs goes on; the event stream comes back with the engine and asks again.
      inspect_retry_.expires_after(kRetry);
      inspect_retry_.async_wait([weak = weak_from_this(), this](error_code code) {
        const auto self = weak.lock();
        if (!code && self && !session_) refresh();
      });
      return;
    }
    container_ = std::move(*answer);
    config_.container_name = container_.name;
    paused_ = container_.paused;
    if (!container_.running) {
      if (session_ && !session_->sees_its_end()) session_ended();
      if (!session_) fall_asleep();
      return;
    }
    if (session_ && !session_->sees_its_end() && container_.started_at != session_started_at_) {
      return session_ended();
    }
    if (session_) {
      session_->look_again(container_.addresses);
      apply();
      return;
    }
    open_session();
  }

  void open_session() {
    auto session = ContainerSession::open(context_.loop, container_, context_.state);
    if (!session) {
      // Between the engine's answer and now it has ended; its next start is an event. Or its
      // processes are not on this machine.
      if (session.error().code.value() != ESRCH || container_.init_pid == 0) {
        notice("cannot reach the container: " + session.error().message());
      }
      return fall_asleep();
    }
    // The pid was the container's when the engine named it; only if it still says so, with the
    // process pinned, is this process the container's.
    const target::Target before = container_;
    context_.engine.inspect(config_.container_id,
                            [weak = weak_from_this(), this, before,
                             session = *session](base::Result<target::Target> answer) {
                              const auto self = weak.lock();
                              if (!self || stopping_ || session_) return;
                              if (!answer || answer->init_pid != before.init_pid ||
                                  answer->started_at != before.started_at || !answer->running) {
                                return refresh();
                              }
                              container_ = std::move(*answer);
                              adopt(session);
                            });
  }

  void adopt(std::shared_ptr<ContainerSession> session) {
    session_ = std::move(session);
    session_started_at_ = container_.started_at;
    dormant_ = false;
    dormancy_.cancel();
    sharing_->begin(!container_.network_owner.empty());
    session_->set_shared(sharing_->shared());
    if (config_.rules.sidecar) session_->allow_side_container();
    SessionHandlers handlers;
    handlers.log = log_info;
    handlers.warn = [this](const std::string& text) { notice(text); };
    handlers.on_picture = [this](const std::vector<detect::Listener>& listeners) {
      listeners_ = listeners;
      if (session_ready_) apply();
    };
    handlers.on_ready = [this] { session_ready(); };
    handlers.on_ended = [this] { session_ended(); };
    log_info("container " + container_.name + " runs as process " +
             std::to_string(container_.init_pid));
    session_->start(std::move(handlers));
  }

  void session_ready() {
    session_ready_ = true;
    for (const Json& text : conditions()) log_warning(text.get<std::string>());
    context_.marker.namespace_cookie = session_->namespace_cookie();
    save_marker();
    sharing_->look_for_sharers();
    publish_of_owner_then_apply();
  }

  // Again with every configuration: somebody may have damaged it, a full disk may have room by now.
  void save_marker() {
    const auto written = std::make_shared<base::Result<void>>();
    worker_.run(
        [this, written, marker = context_.marker] {
          *written = write_marker(context_.supervisors, marker);
          registry_.record_again();
        },
        [this, written] {
          if (!*written) notice("cannot write the marker: " + written->error().message());
          sharing_->check();
          changed();
        });
  }

  // A container in another's network has no published ports of its own: the owner's count.
  void publish_of_owner_then_apply() {
    if (container_.network_owner.empty()) {
      apply();
      return answer_ready();
    }
    context_.engine.inspect(container_.network_owner,
                            [weak = weak_from_this(), this](base::Result<target::Target> owner) {
                              const auto self = weak.lock();
                              if (!self || stopping_) return;
                              if (owner) owner_published_ = owner->published;
                              apply();
                              answer_ready();
                            });
  }

  void session_ended() {
    log_info("container " + container_.name + " has ended");
    close_session();
    forwards_.drop_all(std::chrono::milliseconds(0));
    refresh();
  }

  void close_session() {
    if (session_) session_->close();
    session_.reset();
    chooser_.clear();
    owners_.clear();
    names_.clear();
    session_ready_ = false;
    listeners_.clear();
    owner_published_.clear();
    sharing_->end();
  }

  void fall_asleep() {
    if (std::exchange(dormant_, true)) return;
    log_info("dormant until the container starts");
    changed();
    dormancy_.expires_after(kLongestDormancy);
    dormancy_.async_wait([weak = weak_from_this(), this](error_code code) {
      const auto self = weak.lock();
      if (!code && self && !session_) stop("the container has not run for a day");
    });
  }

  void apply() {
    if (!session_ || !session_ready_ || stopping_) return;
    if (config_.rules.sidecar) session_->allow_side_container();
    PolicyInput input;
    if (!session_->uses_host_network()) input.listeners = listeners_;
    input.published = container_.published;
    input.published.insert(input.published.end(), owner_published_.begin(), owner_published_.end());
    input.forwarded_now = forwards_.automatic();
    input.declared_only = sharing_->reason();
    owners_.observe(input.listeners, container_.init_pid, *session_);
    input.owner_of = [this](std::uint64_t inode) { return owners_.of(inode); };
    names_.want(declared_services(config_.rules), session_);
    input.services = names_.known();
    Wish wish = decide(config_.rules, input);
    if (wish.over_the_cap > 0 && !std::exchange(cap_told_, true)) {
      notice("more than " + std::to_string(config_.rules.max_auto_forwards) +
             " ports are open in container " + container_.name +
             "; the rest is not forwarded (--max-auto-forwards)");
    }
    chooser_.choose(wish, session_, container_.addresses, config_.rules.relay);
    forwards_.apply(wish, [this](RelayKind kind) { return session_->dialer(kind); });
    chooser_.watch([this] { return forwards_.view(); });
  }

  void notice(const std::string& text) {
    log_warning(text);
    for (auto* texts : {&notices_, &news_}) {
      texts->push_back(text);
      if (texts->size() > kMaxNotices) texts->erase(texts->begin());
    }
    // Not from within: whoever notices something is in the middle of it.
    asio::post(context_.loop, [weak = weak_from_this(), this] {
      const auto self = weak.lock();
      if (self && !news_.empty() && context_.on_change) context_.on_change();
    });
  }

  void changed() {
    const auto forwards = forwards_.view();
    journal_.observe(view(), state_name(), forwards, base::wall_now());
    for (const std::string& trouble :
         browser_.open(config_.rules.browser, browser_wishes_.observe(view(), forwards))) {
      notice(trouble);
    }
    retry_host_ports();
    answer_ready();
    answer_when_settled();
    if (context_.on_change) context_.on_change();
  }

  // No descriptor was free, or no number: that may have passed.
  void retry_host_ports() {
    if (!session_ || !forwards_.lacks_host_port() || host_port_retry_armed_) return;
    host_port_retry_armed_ = true;
    host_port_retry_.expires_after(kRetry);
    host_port_retry_.async_wait([weak = weak_from_this(), this](error_code code) {
      const auto self = weak.lock();
      if (code || !self) return;
      host_port_retry_armed_ = false;
      apply();
    });
  }

  bool settled() const {
    return !worker_.busy() && !owners_.under_way() && !chooser_.under_way() &&
           !names_.under_way() && (session_ready_ || dormant_) && !stopping_;
  }

  void answer_ready() {
    if (ready_ && settled()) std::exchange(ready_, nullptr)(telling());
  }

  void answer_when_settled() {
    if (waiting_.empty() || !settled()) return;
    const Json answer = telling();
    std::deque<std::function<void(Json)>> waiting;
    waiting.swap(waiting_);
    for (const auto& reply : waiting) reply(answer);
  }

  void wait_until_drained() {
    const bool over = base::steady_now() >= drained_by_;
    if (!worker_.busy() && (forwards_.open_connections() == 0 || over)) {
      forwards_.drop_all(std::chrono::milliseconds(0));
      return context_.on_stopped();
    }
    drain_.expires_after(kStopPoll);
    drain_.async_wait([weak = weak_from_this(), this](error_code code) {
      const auto self = weak.lock();
      if (!code && self) wait_until_drained();
    });
  }

  Context context_;
  SupervisorConfig config_;
  asio::steady_timer dormancy_;
  asio::steady_timer drain_;
  asio::steady_timer inspect_retry_;
  asio::steady_timer host_port_retry_;
  RelayChooser chooser_;
  Worker worker_;
  ListenerOwners owners_;
  ServiceNames names_;
  Browser browser_;
  BrowserWishes browser_wishes_;
  registry::RegistryFile registry_;
  ForwardSet forwards_;
  target::Target container_;
  std::vector<target::PublishedPort> owner_published_;
  std::shared_ptr<ContainerSession> session_;
  std::vector<detect::Listener> listeners_;
  std::shared_ptr<NetworkSharing> sharing_;
  EventJournal journal_;
  std::function<void(Json)> ready_;
  std::deque<std::function<void(Json)>> waiting_;
  std::vector<std::string> notices_;  // for the next command that asks
  std::vector<std::string> news_;     // for those who watch
  base::SteadyTime drained_by_{};
  std::string session_started_at_;
  bool session_ready_ = false;
  bool host_port_retry_armed_ = false;
  bool dormant_ = false;
  bool paused_ = false;
  bool cap_told_ = false;
  bool stopping_ = false;
};

Supervisor::Supervisor(Context context, SupervisorConfig config)
    : impl_(std::make_shared<Impl>(std::move(context), std::move(config))) {}
Supervisor::~Supervisor() { impl_->close(); }
void Supervisor::start(std::function<void(Json)> ready) { impl_->start(std::move(ready)); }
void Supervisor::stop(const std::string& why) { impl_->stop(why); }
void Supervisor::handle(const Json& request, std::function<void(Json)> reply) {
  impl_->handle(request, std::move(reply));
}
Json Supervisor::listing() const { return impl_->listing(); }
Json Supervisor::take_news() { return impl_->take_news(); }

}  // namespace fairlead::daemon
