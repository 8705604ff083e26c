// The way into a container by our agent: found out when it is asked for, because it costs an exec,
// and kept. SPEC.md "Agent". Thread rule: the loop's thread. Nothing blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/private_directory.h"
#include "relay/namespace_dialer.h"
#include "supervisor/daemon/container_session.h"
#include "supervisor/daemon/relay_selector.h"
#include "target/agent_sockets.h"
#include "target/init_process.h"
#include "target/target.h"

namespace fairlead::daemon {

class AgentWay {
 public:
  // `init` and `state` must outlive this. `on_change`: the way is closed again, or it is time to
  // look once more.
  AgentWay(boost::asio::io_context& loop, const target::InitProcess& init,
           const target::Target& container, const base::PrivateDirectory& state,
           std::function<void()> on_change);

  // Also for a container without the directory: in one beside it.
  void allow_side_container();
  // What has closed it may have passed.
  void look_again();
  // Starts the agent unless it is known what this way is; calls `done` once it is, never after
  // close().
  void look(std::function<void()> done);
  void close();

  WayIn way() const { return way_; }
  std::shared_ptr<relay::Dialer> dialer() const { return dialer_; }
  // Null unless the way is open.
  target::AgentSockets* sockets() const { return way_.open() ? sockets_.get() : nullptr; }
  // Beside the container it sees nobody's processes.
  bool tells_owners() const { return way_.open() && side_directory_.empty(); }
  bool find_owners(const std::set<std::uint64_t>& inodes, ContainerSession::OwnersFound found);

 private:
  base::Result<target::AgentSockets::Options> options();
  void started(const base::Result<void>& outcome);
  void shut(const std::string& why);
  void drop();

  boost::asio::io_context& loop_;
  const target::InitProcess& init_;
  const base::PrivateDirectory& state_;
  const std::string container_id_;
  const std::string source_;
  const std::vector<std::string> exec_prefix_;
  const std::vector<std::string> engine_command_;
  std::string side_directory_;  // while an agent runs beside the container, or is to
  bool side_allowed_ = false;
  std::function<void()> on_change_;
  boost::asio::steady_timer retry_;
  base::Backoff patience_{std::chrono::seconds(30), std::chrono::minutes(10)};
  std::vector<std::function<void()>> waiting_;
  std::shared_ptr<target::AgentSockets> sockets_;
  std::shared_ptr<relay::NamespaceDialer> dialer_;
  std::shared_ptr<bool> open_ = std::make_shared<bool>(true);
  WayIn way_;
};

}  // namespace fairlead::daemon
