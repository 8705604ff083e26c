// One TCP connection that is made and closed again, to see whether it comes about.
// SPEC.md "Relays". Thread rule: the loop's thread. Nothing blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/endpoint.h"
#include "base/result.h"

namespace fairlead::daemon {

class TrialDial : public std::enable_shared_from_this<TrialDial> {
 public:
  using Done = std::function<void(base::Result<void>)>;
  // `done` is called once, not from within start(), after a second at the latest (ETIMEDOUT).
  TrialDial(boost::asio::io_context& loop, Done done)
      : socket_(loop), deadline_(loop), done_(std::move(done)) {}

  void start(const base::Endpoint& endpoint);
  // `done` is not called any more.
  void abandon();

 private:
  void wait();
  base::Result<void> result();
  void finish_later(base::Error error);
  void finish(base::Result<void> outcome);
  void close();

  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer deadline_;
  Done done_;
  std::string words_;
};

}  // namespace fairlead::daemon
