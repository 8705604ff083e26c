// The supervisor's side of its control socket. SPEC.md "Control socket".
//
// Serves the same user and root only (peer credentials). A client that does not read, or sends too
// much, is dropped. Thread rule: the loop's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "supervisor/config/jsonc.h"

namespace fairlead::daemon {

class ControlServer {
 public:
  using Reply = std::function<void(config::Json)>;
  // Called for every request but "watch"; `reply` may be called later, once, or never.
  using Handler = std::function<void(const config::Json& request, Reply reply)>;
  using Listing = std::function<config::Json()>;

  ControlServer(boost::asio::io_context& loop, base::UniqueFd listener, Handler handler,
                Listing listing);
  ~ControlServer();

  // Sends the current listing, with these notices, to everybody who watches.
  void publish(const config::Json& notices);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace fairlead::daemon
