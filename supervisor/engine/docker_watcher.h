// EngineWatcher over Docker's API socket: no CLI process, no polling. SPEC.md "Engines".
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>

#include "base/backoff.h"
#include "supervisor/engine/engine.h"
#include "supervisor/engine/engine_http.h"

namespace fairlead::engine {

class DockerWatcher : public EngineWatcher {
 public:
  DockerWatcher(boost::asio::io_context& loop, EngineAddress address);

  void inspect(const std::string& id,
               std::function<void(base::Result<target::Target>)> done) override;
  void has_sharer(const std::string& id, std::function<void(bool)> done) override;
  void watch(std::function<void()> connected,
             std::function<void(const EngineEvent&)> on_event) override;

 private:
  void open_stream();

  boost::asio::io_context& loop_;
  const EngineAddress address_;
  boost::asio::steady_timer retry_;
  base::Backoff backoff_{std::chrono::milliseconds(100), std::chrono::seconds(5)};
  std::function<void()> connected_;
  std::function<void(const EngineEvent&)> on_event_;
  std::optional<HttpLineStream> stream_;
};

// The path of the GET that describes a container, and what its answer means.
std::string docker_inspect_target(const std::string& id);
base::Result<target::Target> docker_inspect_answer(const std::string& id,
                                                   const base::Result<HttpResponse>& answer);

}  // namespace fairlead::engine
