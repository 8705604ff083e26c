// EngineWatcher for a command that `fairlead run` started: no engine, just the process.
//
// As nobody else may be there to do it (`run` may have been killed), what still lives in the
// command's network is ended before the command is reported as gone.
//
// SPEC.md "run". Thread rule: the loop's thread; callbacks there, too, never from within the call.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "supervisor/engine/engine.h"
#include "supervisor/engine/native_endpoint.h"
#include "supervisor/engine/native_network.h"

namespace fairlead::engine {

class NativeWatcher : public EngineWatcher {
 public:
  NativeWatcher(boost::asio::io_context& loop, NativeRun run);

  void inspect(const std::string& id,
               std::function<void(base::Result<target::Target>)> done) override;
  // Nobody else can join its network by way of an engine.
  void has_sharer(const std::string& id, std::function<void(bool)> done) override;
  // There are no events: the one end that matters is the init process' own, which is watched
  // anyway.
  void watch(std::function<void()> connected,
             std::function<void(const EngineEvent&)> on_event) override;

 private:
  // Ends what is left in the network, then calls `done`; gives up after a while.
  void sweep(base::SteadyTime deadline, std::function<void()> done);

  boost::asio::io_context& loop_;
  const NativeRun run_;
  std::optional<NativeNetwork> network_;
};

// Whether exactly this process lives. Reads procfs.
bool is_running(const NativeRun& run);
// ENOENT when it does not.
base::Result<target::Target> inspect_native(const NativeRun& run, const std::string& id);

}  // namespace fairlead::engine
