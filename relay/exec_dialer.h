// Dials by running a program in the container, one `exec` per connection: the last resort.
// SPEC.md "Relays", kind `exec`.
//
// A failed dial and a stream that broke show in the program's exit status, and so as a reset; a
// reset of the client ends the program.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "relay/dialer.h"
#include "target/exec_channel.h"
#include "target/exec_tool.h"

namespace fairlead::relay {

class ExecDialer : public Dialer, public std::enable_shared_from_this<ExecDialer> {
 public:
  // At most so many programs at once; more clients wait in the backlog.
  static constexpr int kMostAtOnce = 64;

  ExecDialer(std::shared_ptr<target::ExecChannel> channel, target::ExecTools tools)
      : channel_(std::move(channel)), tools_(tools) {}

  DialSocket reserve(const std::vector<base::Endpoint>& targets,
                     const std::function<void()>& when_ready) override;
  void unreserve(DialSocket socket) override;
  void relieve() override {}
  base::Result<void> connect(DialSocket& socket, const base::Endpoint& target) override;

 private:
  void one_less();

  std::shared_ptr<target::ExecChannel> channel_;
  target::ExecTools tools_;
  std::mutex mutex_;  // guards what follows
  int running_ = 0;
  std::vector<std::function<void()>> waiting_;
};

}  // namespace fairlead::relay
