#include "supervisor/engine/native_watcher.h"

#include <boost/asio/post.hpp>
#include <cerrno>

#include "base/process_identity.h"

namespace fairlead::engine {
namespace {

constexpr auto kSweepPatience = std::chrono::seconds(2);
constexpr auto kSweepPause = std::chrono::milliseconds(5);

base::ProcessIdentity identity_of(const NativeRun& run) {
  return {run.pid, run.start_ticks, base::current_boot_id()};
}

}  // namespace

bool is_running(const NativeRun& run) { return base::is_alive(identity_of(run)); }

base::Result<target::Target> inspect_native(const NativeRun& run, const std::string& id) {
  if (!is_running(run)) {
    return base::errno_error(ENOENT, "run \"" + run.name + "\"");
  }
  target::Target result;
  result.engine = kNativeEngine;
  result.id = id;
  result.name = run.name;
  result.running = true;
  result.init_pid = run.pid;
  result.started_at = std::to_string(run.start_ticks);
  result.created_at = result.started_at;
  return result;
}

NativeWatcher::NativeWatcher(boost::asio::io_context& loop, NativeRun run)
    : loop_(loop), run_(std::move(run)) {
  auto network = NativeNetwork::open(identity_of(run_));
  if (network) network_.emplace(std::move(*network));
}

void NativeWatcher::inspect(const std::string& id,
                            std::function<void(base::Result<target::Target>)> done) {
  boost::asio::post(loop_, [this, id, done = std::move(done)] {
    auto answer = inspect_native(run_, id);
    if (answer) return done(std::move(answer));
    sweep(base::steady_now() + kSweepPatience,
          [answer = std::move(answer), done] { done(answer); });
  });
}

void NativeWatcher::sweep(base::SteadyTime deadline, std::function<void()> done) {
  if (!network_ || network_->kill_members() == 0 || base::steady_now() >= deadline) return done();
  const auto timer = std::make_shared<boost::asio::steady_timer>(loop_, kSweepPause);
  timer->async_wait([this, timer, deadline, done = std::move(done)](boost::system::error_code) {
    sweep(deadline, done);
  });
}

void NativeWatcher::has_sharer(const std::string& /*id*/, std::function<void(bool)> done) {
  boost::asio::post(loop_, [done = std::move(done)] { done(false); });
}

void NativeWatcher::watch(std::function<void()> connected,
                          std::function<void(const EngineEvent&)> /*on_event*/) {
  boost::asio::post(loop_, std::move(connected));
}

}  // namespace fairlead::engine
