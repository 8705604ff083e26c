// Dials by running a program in the container, one `exec` per connection: the last resort.
// SPEC.md "Relays", kind `exec`.
//
// A failed dial and a stream that broke show in the program's exit status, and so as a reset; a
// reset of the client ends the program.
#pragma once

#include <memory>

#include "relay/pair_dialer.h"
#include "target/exec_channel.h"
#include "target/exec_tool.h"

namespace fairlead::relay {

class ExecDialer : public PairDialer, public std::enable_shared_from_this<ExecDialer> {
 public:
  static constexpr int kMostAtOnce = 64;  // programs

  ExecDialer(std::shared_ptr<target::ExecChannel> channel, target::ExecTools tools)
      : PairDialer(kMostAtOnce), channel_(std::move(channel)), tools_(tools) {}

  base::Result<void> connect(DialSocket& socket, const base::Endpoint& target) override;

 private:
  std::shared_ptr<target::ExecChannel> channel_;
  target::ExecTools tools_;
};

}  // namespace fairlead::relay
