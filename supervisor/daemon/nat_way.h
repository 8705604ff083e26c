// The way into a container by the kernel alone: the address that connections are sent to, the table
// by which they are, and what proves, again and again, that both are right. Everything goes at once
// when the container's address does: it may belong to somebody else in a moment.
// SPEC.md "Kernel NAT". Thread rule: the loop's thread. Nothing blocks longer than the table's
// backend does: milliseconds, and for backend `nft` up to six seconds if somebody keeps the
// guard's lock.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "relay/nat/kernel_table.h"
#include "supervisor/daemon/kernel_forwards.h"
#include "supervisor/daemon/nat_probe.h"
#include "supervisor/daemon/relay_selector.h"
#include "target/socket_kind.h"

namespace fairlead::daemon {

class NatWay : public KernelForwards {
 public:
  struct Handlers {
    // A socket of the container's network; false: nobody can make one. The answer may come after
    // close().
    using Opened = std::function<void(base::Result<base::UniqueFd>)>;
    std::function<bool(target::SocketKind, Opened)> open;
    std::function<void()> on_change;  // the way is closed, or it is time to look once more
    std::function<void(const std::string&)> log;
  };
  NatWay(boost::asio::io_context& loop, Handlers handlers);

  // The container's own, as its engine says. If the one that is sent to is no longer among them,
  // the way is closed, until it is looked for anew.
  void set_addresses(const std::vector<base::IpAddress>& addresses);
  // Finds out what this way is, unless that is known; calls `done` once it is, never after close().
  void look(std::function<void()> done);
  // Ends the connections, too.
  void close();

  WayIn way() const { return way_; }
  // Where the kernel sends to; nothing unless the way is open.
  std::optional<base::IpAddress> address() const;

  bool set(std::uint16_t host_port, const base::Endpoint& target) override;
  void remove(std::uint16_t host_port) override;
  std::uint64_t connections(std::uint16_t host_port) const override;

 private:
  base::Result<void> prepare();
  void open(target::SocketKind kind, void (NatWay::*opened)(base::UniqueFd));
  void choose_address(base::UniqueFd fd);
  void wait_for_change();
  void begin_probe(base::UniqueFd fd);
  void probed(const base::Result<void>& outcome);
  void watch_table();
  void check();
  void check_later();
  enum class Address : std::uint8_t { kStays, kGoes };
  void shut(const std::string& why, Address address = Address::kStays);
  void drop(Address address);
  void look_again_after(std::chrono::milliseconds pause);
  bool address_goes();
  bool is_known(const base::IpAddress& address) const;
  std::string words() const;
  void end_twice();
  void settle(WayIn way);

  boost::asio::io_context& loop_;
  Handlers handlers_;
  boost::asio::steady_timer timer_;
  boost::asio::posix::stream_descriptor changes_;        // of the container's interfaces
  boost::asio::posix::stream_descriptor table_changes_;  // see KernelTable::changes()
  base::Backoff patience_{std::chrono::milliseconds(500), std::chrono::minutes(10)};
  std::vector<base::IpAddress> addresses_;
  std::optional<base::IpAddress> address_;
  std::string interface_;
  std::unique_ptr<relay::KernelTable> table_;
  std::unique_ptr<NatProbe> probe_;
  std::set<std::uint16_t> host_ports_;
  int failures_ = 0;  // of the probe, in a row
  std::chrono::steady_clock::time_point next_probe_{};
  std::chrono::steady_clock::time_point not_before_{};  // there is something to be ended still
  std::shared_ptr<int> attempt_;                        // another for each
  std::vector<std::function<void()>> waiting_;
  WayIn way_;
};

}  // namespace fairlead::daemon
