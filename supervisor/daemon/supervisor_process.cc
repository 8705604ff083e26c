#include "supervisor/daemon/supervisor_process.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <csignal>
#include <optional>

#include "base/child_process.h"
#include "base/clock.h"
#include "base/file_lock.h"
#include "base/net.h"
#include "base/printable.h"
#include "base/text_file.h"
#include "relay/data_plane.h"
#include "supervisor/daemon/control_protocol.h"
#include "supervisor/daemon/control_server.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/marker.h"
#include "supervisor/daemon/state_directory.h"
#include "supervisor/daemon/supervisor.h"
#include "supervisor/engine/native_watcher.h"
#include "supervisor/engine/open_engine.h"
#include "supervisor/version.h"

namespace fairlead::daemon {
namespace {

namespace asio = boost::asio;
using config::Json;

constexpr std::size_t kConfigLimit = 16U << 20;
constexpr auto kReadyPatience = std::chrono::seconds(3);
// A supervisor that is leaving holds its lock for a moment longer.
constexpr auto kInstancePatience = std::chrono::milliseconds(50);

// SIGTERM and its like as something readable; no handler ever runs.
base::UniqueFd take_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return base::UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

// One supervisor's life, from its lock to its lock's release.
class Process {
 public:
  Process(SupervisorConfig config, bool foreground)
      : config_(std::move(config)), foreground_(foreground), signals_(take_signals()) {}

  // Ready, running already, or why not, by `ready`; then runs to the end.
  int run(const std::function<void(const Json&)>& ready,
          const std::function<void(const Json&)>& on_change) {
    auto state = StateDirectory::create(config_.state_path);
    if (!state) return refuse(ready, state.error());
    state_.emplace(std::move(*state));
    auto lock = base::FileLock::acquire(state_->supervisors, lock_name(config_.container_id),
                                        kInstancePatience);
    if (!lock) {
      if (lock.error().code.value() != ETIMEDOUT) return refuse(ready, lock.error());
      ready({{"ok", true}, {"running", true}});
      return 0;
    }
    const auto status = run_locked(ready, on_change);
    state_->supervisors.remove(socket_name(config_.container_id));
    state_->supervisors.remove(marker_name(config_.container_id));
    remove_log_of_ended_run();
    lock->remove_file(state_->supervisors, lock_name(config_.container_id));
    if (!status) return refuse(ready, status.error());
    return 0;
  }

 private:
  static int refuse(const std::function<void(const Json&)>& ready, const base::Error& error) {
    ready(failure(error.message()));
    return 1;
  }

  base::Result<void> run_locked(const std::function<void(const Json&)>& ready,
                                const std::function<void(const Json&)>& on_change) {
    if (auto opened = open_log(config_, state_->logs, foreground_); !opened) return opened;
    base::raise_descriptor_limit();
    auto marker = make_marker();
    if (!marker) return marker.error();
    auto control = base::listen_unix(state_->supervisors, socket_name(config_.container_id));
    if (!control) return control.error();
    if (auto written = write_marker(state_->supervisors, *marker); !written) {
      // A full disk: others will not find us by the marker, but the socket and the lock are there.
      log_warning("cannot write the marker: " + written.error().message());
    }
    auto data_plane = relay::DataPlane::start();
    if (!data_plane) return data_plane.error();
    log_info(std::string("fairlead ") + kVersion + " supervises container " + config_.container_id);

    asio::io_context loop(1);
    const auto engine = engine::open_watcher(loop, config_.engine_endpoint, config_.engine_cli);
    std::optional<ControlServer> server;
    std::optional<Supervisor> supervisor;
    Supervisor::Context context{loop,
                                **data_plane,
                                *engine,
                                state_->base,
                                state_->supervisors,
                                *marker,
                                [&] {
                                  if (server) server->publish(supervisor->take_news());
                                  if (on_change) on_change(supervisor->listing());
                                },
                                [&] {
                                  server.reset();
                                  loop.stop();
                                }};
    supervisor.emplace(std::move(context), config_);
    server.emplace(
        loop, std::move(*control),
        [&](const Json& request, ControlServer::Reply reply) {
          supervisor->handle(request, std::move(reply));
        },
        [&] { return supervisor->listing(); });
    asio::posix::stream_descriptor signals(loop, signals_.release());
    signals.async_wait(asio::posix::stream_descriptor::wait_read,
                       [&](boost::system::error_code code) {
                         if (!code) supervisor->stop("by signal");
                       });
    supervisor->start([&](const Json& listing) { ready(listing); });
    malloc_trim(0);
    loop.run();
    log_info("ended");
    supervisor.reset();
    return {};
  }

  // The id of a native run never comes again: its log would be left for good.
  void remove_log_of_ended_run() const {
    const auto run = engine::parse_native_endpoint(config_.engine_endpoint);
    if (!run || engine::is_running(*run)) return;
    const std::string log = log_name(config_.container_id);
    for (const std::string& name : {log, log + ".1"}) state_->logs.remove(name);
  }

  base::Result<Marker> make_marker() const {
    Marker marker;
    auto self = base::identify_self();
    if (!self) return self.error();
    marker.process = std::move(*self);
    marker.container_id = config_.container_id;
    marker.container_name = config_.container_name;
    marker.workspace = config_.workspace;
    marker.service = config_.rules.service;
    marker.started_at = base::to_iso8601(base::wall_now());
    marker.log_path = state_->logs.path_of(log_name(config_.container_id));
    marker.control_socket = state_->supervisors.path_of(socket_name(config_.container_id));
    marker.version = kVersion;
    marker.engine_endpoint = config_.engine_endpoint;
    return marker;
  }

  SupervisorConfig config_;
  bool foreground_;
  base::UniqueFd signals_;
  std::optional<StateDirectory> state_;
};

base::Result<SupervisorConfig> read_config(const base::UniqueFd& handshake) {
  const auto text = base::read_all(handshake, kConfigLimit, "the configuration");
  if (!text) return text.error();
  return parse_supervisor_config(*text);
}

// Own session, no terminal, no directory kept busy, nothing inherited but the handshake.
void detach(int handshake) {
  setsid();
  prctl(PR_SET_NAME, "fairlead", 0, 0, 0);
  umask(077);
  (void)!chdir("/");
  const base::UniqueFd null_fd(open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY));
  for (int fd = 0; fd <= 2; ++fd) dup2(null_fd.get(), fd);
  fcntl(handshake, F_SETFD, FD_CLOEXEC);
}

base::Result<Json> read_answer(const base::UniqueFd& handshake) {
  std::string text;
  const auto deadline = base::steady_now() + kReadyPatience;
  while (!text.ends_with('\n')) {  // one line, and nothing after it
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - base::steady_now());
    pollfd entry{handshake.get(), POLLIN, 0};
    if (left.count() <= 0 || poll(&entry, 1, static_cast<int>(left.count())) == 0) {
      return base::errno_error(ETIMEDOUT, "the supervisor is not ready");
    }
    char buffer[65536];
    const ssize_t count = read(handshake.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return base::plain_error("the supervisor ended before it was ready");
    text.append(buffer, static_cast<std::size_t>(count));
  }
  const Json answer = Json::parse(text, nullptr, false);
  if (!answer.is_object()) return base::plain_error("the supervisor answered garbage");
  if (!answer.value("ok", false)) return base::plain_error(answer.value("error", "unknown error"));
  return answer;
}

}  // namespace

base::Result<Launch> launch_supervisor(const SupervisorConfig& config) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return base::errno_error("socketpair");
  }
  const base::UniqueFd ours(ends[0]);
  base::UniqueFd theirs(ends[1]);
  base::SpawnOptions options;
  options.argv = {base::kSelfExecutable, "__supervise"};
  options.stderr_fd = STDERR_FILENO;
  options.extra_fd = theirs.get();
  auto child = base::spawn(options);
  if (!child) return child.error();
  theirs.reset();
  if (auto sent = base::write_all(ours, to_line(to_json(config)), "the configuration"); !sent) {
    return sent.error();
  }
  shutdown(ours.get(), SHUT_WR);
  child->wait();  // the intermediate process: it leaves as soon as it has forked
  const auto answer = read_answer(ours);
  if (!answer) return answer.error();
  if (answer->value("running", false)) return Launch{LaunchOutcome::kAlreadyRunning, {}};
  return Launch{LaunchOutcome::kReady, *answer};
}

int supervise_detached() {
  base::UniqueFd handshake(kHandshakeFd);
  auto config = read_config(handshake);
  // Before any thread, loop or logger exists.
  const pid_t child = config ? fork() : 0;
  if (child < 0) config = base::errno_error("fork");
  if (child > 0) _exit(0);
  const auto answer = [&](const Json& document) {
    if (handshake) (void)base::write_all(handshake, to_line(document), "handshake");
    handshake.reset();
  };
  signal(SIGPIPE, SIG_IGN);
  if (!config) {
    answer(failure(config.error().message()));
    return 1;
  }
  detach(handshake.get());
  return Process(std::move(*config), false).run(answer, nullptr);
}

int supervise_in_foreground(const SupervisorConfig& config,
                            const std::function<void(const Json&)>& on_change) {
  std::string trouble;
  const int status = Process(config, true)
                         .run(
                             [&](const Json& answer) {
                               if (!answer.value("ok", false))
                                 trouble = answer.value("error", "unknown error");
                               else if (answer.value("running", false))
                                 trouble = "a supervisor runs already";
                               else
                                 on_change(answer);
                             },
                             on_change);
  if (trouble.empty()) return status;
  std::fprintf(stderr, "fairlead: %s\n", base::printable(trouble).c_str());
  return 1;
}

}  // namespace fairlead::daemon
