// Looks for what a container has to carry connections over exec, and keeps what was found.
// SPEC.md "Relays", kind `exec`. Thread rule: the loop's thread. Nothing blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "relay/exec_dialer.h"
#include "supervisor/daemon/relay_selector.h"
#include "target/exec_channel.h"
#include "target/exec_tool.h"

namespace fairlead::daemon {

class ExecWay {
 public:
  // `prefix`: see target::ExecChannel; empty = the engine has no exec.
  ExecWay(boost::asio::io_context& loop, std::vector<std::string> prefix);

  // Looks, again if need be, and calls `done` once it is known; never after close().
  void look(std::function<void()> done);
  void close();

  WayIn way() const { return way_; }
  const target::ExecTools& tools() const { return tools_; }
  const std::shared_ptr<target::ExecChannel>& channel() const { return channel_; }
  std::shared_ptr<relay::Dialer> dialer() const { return dialer_; }

 private:
  void looked(const base::Result<target::ExecChannel::Output>& answer);
  void look_one_by_one(std::size_t next);
  void settle(const std::string& trouble);

  std::shared_ptr<target::ExecChannel> channel_;
  std::function<void()> done_;
  target::ExecTools tools_;
  std::shared_ptr<relay::ExecDialer> dialer_;
  WayIn way_{WayIn::State::kNotLookedFor, ""};
};

}  // namespace fairlead::daemon
