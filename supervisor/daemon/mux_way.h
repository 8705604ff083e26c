// The way into a container by our agent at the other end of an exec's stdin and stdout: for
// containers whose processes are not on this machine, and for whoever may use the engine and
// nothing more. Puts the agent into the container, starts it, keeps the connection, and makes
// another when it has dropped. SPEC.md "Mux". Thread rule: the loop's thread. Nothing blocks longer
// than a fork.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/backoff.h"
#include "base/clock.h"
#include "relay/mux_dialer.h"
#include "supervisor/daemon/connection_losses.h"
#include "supervisor/daemon/container_session.h"
#include "supervisor/daemon/latest.h"
#include "supervisor/daemon/relay_selector.h"
#include "supervisor/engine/exec_streams.h"
#include "target/mux/channel.h"
#include "target/target.h"

namespace fairlead::daemon {

class MuxWay {
 public:
  struct Handlers {
    // What sock_diag answers in the container; hostile. Or why nobody can tell.
    std::function<void(const base::Result<std::string>&)> on_listeners;
    // The way is closed, or open again, or it is time to look once more.
    std::function<void()> on_change;
    std::function<void(const std::string&)> log;
  };
  MuxWay(boost::asio::io_context& loop, const target::Target& container, Handlers handlers);

  // What has closed it may have passed.
  void look_again();
  // Starts the agent unless it is known what this way is; calls `done` once it is, never after
  // close().
  void look(std::function<void()> done);
  void close();

  WayIn way() const { return way_; }
  std::shared_ptr<relay::Dialer> dialer() const { return dialer_; }
  bool tells_owners() const { return channel_ && connected_.has_value(); }
  bool find_owners(const std::set<std::uint64_t>& inodes, ContainerSession::OwnersFound found);

 private:
  void start();
  // Gives the attempt up after `patience`.
  void limit(std::chrono::seconds patience, const char* trouble);
  void put();
  void put_by_shell(const std::string& trouble);
  void run(const std::string& path);
  void speak(engine::ExecStream stream, const std::string& nonce);
  void on_joined();
  void wait_for_answer();
  void on_owners(const target::mux::Channel::Owners& owners);
  void lost(const std::string& why);
  void failed(const std::string& why, std::chrono::milliseconds wait);
  void settle(WayIn way);
  void drop();

  boost::asio::io_context& loop_;
  std::unique_ptr<engine::ExecStreams> streams_;  // null: its engine has none
  Handlers handlers_;
  boost::asio::steady_timer timer_;  // until the agent has joined, or for the next attempt
  boost::asio::steady_timer answer_timer_;
  ConnectionLosses losses_;
  base::Backoff patience_{std::chrono::seconds(30), std::chrono::minutes(10)};
  std::shared_ptr<bool> open_ = std::make_shared<bool>(true);
  std::shared_ptr<int> attempt_;  // another for each
  const std::string name_;        // of the program in the container: the same for each attempt
  std::string left_behind_;       // a file in the container that the agent has not taken away
  std::vector<std::function<void()>> waiting_;
  std::unique_ptr<target::mux::Channel> channel_;
  std::shared_ptr<const engine::EngineConnection::Carrier> carrier_;  // of the connection, if any
  std::shared_ptr<relay::MuxDialer> dialer_ = std::make_shared<relay::MuxDialer>();
  struct Question {
    ContainerSession::OwnersFound found;
    bool whole = true;  // all of it was asked
  };
  std::deque<Question> asked_;
  std::shared_ptr<Latest<base::Result<std::string>>> pictures_;
  std::optional<base::SteadyTime> connected_;  // since when
  bool was_open_ = false;                      // ever
  WayIn way_;
};

}  // namespace fairlead::daemon
