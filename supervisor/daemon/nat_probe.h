// The evidence that relay `nat` rests on: a datagram that a process of this host sends to an
// address of its own loopback arrives at a socket in the container, and TCP to the same address is
// answered. No server in the container sees anything of it. SPEC.md "Kernel NAT". Thread rule: the
// loop's thread. Nothing blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "relay/nat/kernel_table.h"
#include "supervisor/daemon/trial_dial.h"

namespace fairlead::daemon {

class NatProbe {
 public:
  using Done = std::function<void(base::Result<void>)>;

  // `far`: an IPv4 datagram socket of the container's network. EADDRNOTAVAIL: the address is not
  // the container's. `table` must outlive the probe, which has two entries in it.
  static base::Result<std::unique_ptr<NatProbe>> create(boost::asio::io_context& loop,
                                                        relay::KernelTable& table,
                                                        const base::IpAddress& address,
                                                        base::UniqueFd far);
  ~NatProbe();

  // One at a time. `done` comes after two seconds at the latest, never after destruction, not from
  // within.
  void run(Done done);

 private:
  NatProbe(boost::asio::io_context& loop, relay::KernelTable& table)
      : loop_(loop), table_(table), far_(loop), deadline_(loop) {}
  void wait();
  bool arrived();
  void dial();
  void finish(base::Result<void> outcome);

  boost::asio::io_context& loop_;
  relay::KernelTable& table_;
  relay::KernelTable::Key datagrams_, connections_;
  boost::asio::posix::stream_descriptor far_;
  boost::asio::steady_timer deadline_;
  std::shared_ptr<TrialDial> trial_;
  std::string nonce_;
  Done done_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace fairlead::daemon
