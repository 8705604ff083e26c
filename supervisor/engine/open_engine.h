// Chooses the engine: the one place where a name becomes an implementation. SPEC.md "Engines".
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "base/result.h"
#include "supervisor/engine/engine.h"

namespace fairlead::engine {

struct EngineChoice {
  std::string name = "auto";
  std::string cli_path = "docker";
};

// The engine that is chosen, answering. An error says what is wrong and what to do.
base::Result<std::unique_ptr<Engine>> open_engine(const EngineChoice& choice);

// A watcher of the same engine, by the two of Engine::address(), or of a native run, by
// to_endpoint().
std::unique_ptr<EngineWatcher> open_watcher(boost::asio::io_context& loop,
                                            const std::string& endpoint,
                                            const std::string& cli_path);

}  // namespace fairlead::engine
