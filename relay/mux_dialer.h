// Dials through the agent at the far end of a multiplexed connection. SPEC.md "Relays", kind `mux`.
//
// While there is no connection clients wait in the backlog. A failed dial and a stream that broke
// become resets; a reset of the client reaches the server as one.
#pragma once

#include <memory>
#include <mutex>

#include "relay/pair_dialer.h"
#include "target/mux/channel.h"

namespace fairlead::relay {

class MuxDialer : public PairDialer, public std::enable_shared_from_this<MuxDialer> {
 public:
  static constexpr int kMostAtOnce = 1000;  // streams

  MuxDialer() : PairDialer(kMostAtOnce) { set_ready(false); }

  // The connection to use; null: none. It must live until another is to be used. Any thread.
  void use(target::mux::Channel* channel);

  base::Result<void> connect(DialSocket& socket, const base::Endpoint& target) override;

 private:
  std::mutex mutex_;  // guards what follows
  target::mux::Channel* channel_ = nullptr;
};

}  // namespace fairlead::relay
