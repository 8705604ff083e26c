// The supervisor of one container: joins it when it runs, forwards what its policy says, sleeps
// when it stops, ends when it is removed or when told to.
//
//   starting ─▶ running ⇄ dormant          running: a session exists, forwards follow its pictures
//       │          │         │             dormant: nothing but process, marker and event stream
//       └──────────┴─────────┴─▶ stopping  (stop request, signal, removal, a day of dormancy)
//
// SPEC.md "Supervisor". Thread rule: the loop's thread. Nothing blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/private_directory.h"
#include "base/process_identity.h"
#include "relay/data_plane.h"
#include "supervisor/config/jsonc.h"
#include "supervisor/daemon/marker.h"
#include "supervisor/daemon/supervisor_config.h"
#include "supervisor/engine/engine.h"

namespace fairlead::daemon {

class Supervisor {
 public:
  struct Context {
    boost::asio::io_context& loop;
    relay::DataPlane& data_plane;
    engine::EngineWatcher& engine;
    const base::PrivateDirectory& state;
    const base::PrivateDirectory& supervisors;
    Marker marker;                     // already written; written again when the namespace is known
    std::function<void()> on_change;   // the listing has changed, or there are notices
    std::function<void()> on_stopped;  // everything is released; the loop may end
  };
  Supervisor(Context context, SupervisorConfig config);
  ~Supervisor();

  // `ready` is called once, with the first listing or with a failure ("ok": false).
  void start(std::function<void(config::Json)> ready);
  void stop(const std::string& why);
  // Carries out a control request; `reply` is called when its effect is there.
  void handle(const config::Json& request, std::function<void(config::Json)> reply);
  config::Json listing() const;
  // What has been noticed since this was last asked: texts, for whoever watches.
  config::Json take_news();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fairlead::daemon
