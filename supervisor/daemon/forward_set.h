// The forwards of one container: carries out the reconciler's plans. Leases host ports, starts and
// stops relays. SPEC.md "Supervisor".
// Thread rule: the loop's thread; what blocks goes to the worker.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "registry/registry_file.h"
#include "relay/data_plane.h"
#include "relay/dialer.h"
#include "relay/relay.h"
#include "supervisor/daemon/kernel_forwards.h"
#include "supervisor/daemon/listing.h"
#include "supervisor/daemon/policy.h"
#include "supervisor/daemon/worker.h"

namespace fairlead::daemon {

class ForwardSet {
 public:
  struct Context {
    relay::DataPlane& data_plane;
    registry::RegistryFile& registry;  // used on the worker's thread only
    Worker& worker;
    std::string container_id;
    std::string workspace;
    std::string service;              // see ForwardingRules
    std::function<void()> on_change;  // the listing has changed
    std::function<void(const std::string&)> log;
    std::function<void(const std::string&)> log_warning;
    std::function<void(const std::string&)> warn;  // to be told to people
    std::function<KernelForwards*()> kernel;       // null: there is none now
  };
  explicit ForwardSet(Context context) : context_(std::move(context)) {}

  using DialerOf = std::function<std::shared_ptr<relay::Dialer>(RelayKind)>;
  // Makes what is active agree with `wish`, whose relays have been chosen.
  void apply(const Wish& wish, const DialerOf& dialer_of);
  // Closes every host port; connections end after `drain` at the latest. Leases are released.
  void drop_all(std::chrono::milliseconds drain);

  // Whether a port is to be forwarded and got no host port: worth another apply() after a while.
  bool lacks_host_port() const;
  // What is forwarded without having been declared.
  std::set<PortKey> automatic() const;
  std::vector<ForwardView> view() const;
  std::uint64_t open_connections() const;

 private:
  struct Forward {
    ForwardView view;
    std::uint64_t generation = 0;  // tells an answer for this forward from one for its predecessor
    bool pending = true;           // its host port is being allocated
    std::optional<ForwardView> refused;  // while that is tried again: how it was until now
    std::unique_ptr<relay::Relay> relay;
  };
  void stop(const PortKey& key, std::chrono::milliseconds drain);
  void start(const std::vector<DesiredPort>& ports, const DialerOf& dialer_of,
             const std::map<PortKey, ForwardView>& refused);
  void granted(const PortKey& key, std::uint64_t generation, base::Result<registry::Grant>& grant,
               const std::shared_ptr<relay::Dialer>& dialer);
  void tell_kernel(Forward& forward);
  void forget_kernel(const Forward& forward);
  void release(std::vector<std::uint16_t> host_ports);
  void tell(const std::vector<std::string>& warnings);

  Context context_;
  std::map<PortKey, Forward> forwards_;
  std::vector<ForwardView> refused_;
  std::vector<std::unique_ptr<relay::Relay>> draining_;
  std::set<std::string> told_;  // troubles with host ports
  std::uint64_t next_generation_ = 1;
};

}  // namespace fairlead::daemon
