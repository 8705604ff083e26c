// Chooses relays for wishes and watches what the choices rest on: trials, tools in the container,
// dials that fail, time.
// SPEC.md "Relays". Thread rule: the loop's thread. Nothing blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "supervisor/daemon/container_session.h"
#include "supervisor/daemon/direct_trials.h"
#include "supervisor/daemon/listing.h"
#include "supervisor/daemon/policy.h"

namespace fairlead::daemon {

class RelayChooser {
 public:
  // `on_change`: it is time to choose again.
  RelayChooser(boost::asio::io_context& loop, std::function<void()> on_change);

  // Begins the trials that the choice takes; ports that wait for one are undecided.
  void choose(Wish& wish, const std::shared_ptr<ContainerSession>& session,
              const std::vector<base::IpAddress>& addresses, std::optional<RelayKind> forced);
  // What is forwarded now, after a choice was carried out. `views` is asked again, some seconds
  // later, for dials that have failed since.
  using Views = std::function<std::vector<ForwardView>()>;
  void watch(Views views);

  bool under_way() const { return trials_.under_way() || !looking_.empty(); }
  void clear();

 private:
  void check(const Views& views);
  void look_for(RelayKind kind);

  std::function<void()> on_change_;
  DirectTrials trials_;
  boost::asio::steady_timer timer_;
  bool armed_ = false;
  std::weak_ptr<ContainerSession> session_;  // the one chosen for last
  std::set<RelayKind> looking_;
  base::SteadyTime looked_{};                // for exec
  std::map<PortKey, std::uint64_t> failed_;  // dials, as last seen
};

}  // namespace fairlead::daemon
