// One run of the container, from the moment we joined it until its init process ends: the sockets
// made in its namespace, the pictures of its listeners, the dialer for relays.
//
// Everything in here belongs to exactly this run and goes at once when it ends, before anything
// else is told: sockets of a dead namespace look healthy. SPEC.md "Supervisor". Thread rule: the
// loop's thread. Nothing blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "detect/listener.h"
#include "relay/dialer.h"
#include "target/init_process.h"
#include "target/target.h"

namespace fairlead::daemon {

struct SessionHandlers {
  // Once: the first complete picture is there (on_picture came before), or there will be none and
  // relay_obstacle() or uses_host_network() says why.
  std::function<void()> on_ready;
  // The settled picture has changed.
  std::function<void(const std::vector<detect::Listener>&)> on_picture;
  // The init process has ended; nothing comes after this.
  std::function<void()> on_ended;
  std::function<void(const std::string&)> log;
  std::function<void(const std::string&)> warn;  // to be told to people
};

class ContainerSession : public std::enable_shared_from_this<ContainerSession> {
 public:
  // ESRCH: the container is no longer running.
  static base::Result<std::shared_ptr<ContainerSession>> open(boost::asio::io_context& loop,
                                                              const target::Target& container);
  virtual ~ContainerSession() = default;

  virtual void start(SessionHandlers handlers) = 0;
  // Drops everything; no handler is called any more.
  virtual void close() = 0;
  // Looks now, whatever the schedule says.
  virtual void scan_now() = 0;
  // Others may listen in this namespace whose CPU time is not the container's own: scan at each
  // tick.
  virtual void set_shared(bool shared) = 0;

  virtual const target::InitProcess& init() const = 0;
  virtual bool uses_host_network() const = 0;
  // The way in for relays; empty if there is none, and then the reason in words.
  virtual std::shared_ptr<relay::Dialer> dialer() const = 0;
  virtual std::string relay_obstacle() const = 0;
  virtual std::uint64_t namespace_cookie() const = 0;
};

}  // namespace fairlead::daemon
