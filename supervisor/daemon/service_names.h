// Where the other hosts are whose ports are declared ("db:5432"): looked up as the container would,
// kept current. SPEC.md "Other hosts". Thread rule: the loop's thread. Nothing blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "supervisor/daemon/container_session.h"
#include "supervisor/daemon/policy.h"

namespace fairlead::daemon {

class ServiceNames {
 public:
  // `on_change`: an answer has come that differs from the one before.
  ServiceNames(boost::asio::io_context& loop, std::function<void()> on_change);

  // The names that matter now; new ones are looked up.
  void want(const std::set<std::string>& names, const std::shared_ptr<ContainerSession>& session);
  // Something may have changed: looks all of them up again.
  void refresh();
  const std::map<std::string, ServiceAddress>& known() const { return known_; }
  // Whether a name is being looked up for the first time.
  bool under_way() const;
  void clear();

 private:
  void look_up(const std::string& name);
  void learned(const std::string& name, base::Result<std::vector<base::IpAddress>> result);
  void arm();

  const std::function<void()> on_change_;
  boost::asio::steady_timer timer_;
  std::map<std::string, ServiceAddress> known_;
  std::weak_ptr<ContainerSession> session_;
};

}  // namespace fairlead::daemon
