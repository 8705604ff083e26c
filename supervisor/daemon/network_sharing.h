// Several containers may share one network namespace. Of their supervisors the oldest forwards what
// is undeclared; this finds out who shares, and whether we are the oldest. SPEC.md "Policy".
// Thread rule: the loop's thread; the disk is the worker's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/private_directory.h"
#include "supervisor/daemon/marker.h"
#include "supervisor/daemon/worker.h"
#include "supervisor/engine/engine.h"

namespace fairlead::daemon {

class NetworkSharing : public std::enable_shared_from_this<NetworkSharing> {
 public:
  struct Context {
    boost::asio::io_context& loop;
    engine::EngineWatcher& engine;
    Worker& worker;
    const base::PrivateDirectory& supervisors;
    const Marker& marker;             // ours; its cookie is filled in by and by
    std::function<void()> on_shared;  // somebody shares: once for each begin()
    std::function<void()> on_reason;  // reason() has changed
    std::function<void()> on_looked;  // the worker is done with a look
  };
  explicit NetworkSharing(Context context) : context_(std::move(context)), timer_(context_.loop) {}

  // A run of the container has begun; `known`: it lives in another container's network.
  void begin(bool known);
  void end();
  // Asks the engine, if nobody is known to share yet.
  void look_for_sharers();
  // Reads the other supervisors' markers now, and then every other second, if somebody shares.
  void check();

  bool shared() const { return shared_; }
  // Why undeclared ports are another supervisor's; empty: they are ours.
  const std::string& reason() const { return reason_; }

 private:
  void yield_to_elder(const std::vector<Marker>& markers);

  Context context_;
  boost::asio::steady_timer timer_;
  std::string reason_;
  bool running_ = false;
  bool shared_ = false;
};

}  // namespace fairlead::daemon
