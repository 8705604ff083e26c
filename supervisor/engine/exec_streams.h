// Commands in a container whose stdin and stdout are one connection of ours, by the engine's API:
// no process of ours carries the bytes. SPEC.md "Mux". Thread rule: the loop's thread; callbacks
// there, later, and not after destruction. Nothing blocks longer than a fork (engine_address.h).
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "supervisor/engine/engine_address.h"
#include "target/mux/carrier.h"

namespace fairlead::engine {

struct ExecStream {
  EngineConnection connection;
  std::unique_ptr<target::mux::Unwrapper> unwrapper;  // of what the container sends
  std::string first_bytes;                            // that have come already, wrapped
};

class ExecStreams {
 public:
  ExecStreams(boost::asio::io_context& loop, EngineAddress engine, std::string container_id);
  ~ExecStreams();

  // As root. That the program cannot be started shows in what the stream says, or in its end.
  void open(std::vector<std::string> argv, std::function<void(base::Result<ExecStream>)> done);
  // Writes a file, root's and executable, into the container's root directory.
  void put_program(const std::string& name, std::string_view bytes,
                   std::function<void(base::Result<void>)> done);
  // Runs a command to its end, with `input` as its stdin. What it prints, bounded; ETIMEDOUT.
  void feed(std::vector<std::string> argv, std::string_view input,
            std::function<void(base::Result<std::string>)> done);

 private:
  boost::asio::io_context& loop_;
  const EngineAddress engine_;
  const std::string container_id_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fairlead::engine
