// EngineWatcher for a command that `fairlead run` started: no engine, just the process.
//
// SPEC.md "run". Thread rule: the loop's thread; callbacks there, too, never from within the call.
#pragma once

#include <boost/asio/io_context.hpp>

#include "supervisor/engine/engine.h"
#include "supervisor/engine/native_endpoint.h"

namespace fairlead::engine {

class NativeWatcher : public EngineWatcher {
 public:
  NativeWatcher(boost::asio::io_context& loop, NativeRun run) : loop_(loop), run_(std::move(run)) {}

  void inspect(const std::string& id,
               std::function<void(base::Result<target::Target>)> done) override;
  // Nobody else can join its network by way of an engine.
  void has_sharer(const std::string& id, std::function<void(bool)> done) override;
  // There are no events: the one end that matters is the init process' own, which is watched
  // anyway.
  void watch(std::function<void()> connected,
             std::function<void(const EngineEvent&)> on_event) override;

 private:
  boost::asio::io_context& loop_;
  const NativeRun run_;
};

// ENOENT when exactly this process no longer lives. Reads procfs.
base::Result<target::Target> inspect_native(const NativeRun& run, const std::string& id);

}  // namespace fairlead::engine
