#include "supervisor/engine/native_watcher.h"

#include <boost/asio/post.hpp>
#include <cerrno>

#include "base/process_identity.h"

namespace fairlead::engine {

base::Result<target::Target> inspect_native(const NativeRun& run, const std::string& id) {
  if (!base::is_alive({run.pid, run.start_ticks, base::current_boot_id()})) {
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

void NativeWatcher::inspect(const std::string& id,
                            std::function<void(base::Result<target::Target>)> done) {
  boost::asio::post(loop_,
                    [run = run_, id, done = std::move(done)] { done(inspect_native(run, id)); });
}

void NativeWatcher::has_sharer(const std::string& /*id*/, std::function<void(bool)> done) {
  boost::asio::post(loop_, [done = std::move(done)] { done(false); });
}

void NativeWatcher::watch(std::function<void()> connected,
                          std::function<void(const EngineEvent&)> /*on_event*/) {
  boost::asio::post(loop_, std::move(connected));
}

}  // namespace fairlead::engine
