// Dials through the agent at the far end of a multiplexed connection. SPEC.md "Relays", kind `mux`.
//
// While there is no connection clients wait in the backlog. A failed dial and a stream that broke
// become resets; a reset of the client reaches the server as one.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "relay/dialer.h"
#include "target/mux/channel.h"

namespace fairlead::relay {

class MuxDialer : public Dialer, public std::enable_shared_from_this<MuxDialer> {
 public:
  // At most so many streams at once; more clients wait in the backlog.
  static constexpr int kMostAtOnce = 1000;

  // The connection to use; null: none. It must live until another is to be used. Any thread.
  void use(target::mux::Channel* channel);

  DialSocket reserve(const std::vector<base::Endpoint>& targets,
                     const std::function<void()>& when_ready) override;
  void unreserve(DialSocket socket) override;
  void relieve() override {}
  base::Result<void> connect(DialSocket& socket, const base::Endpoint& target) override;

 private:
  void one_less();
  void wake_all();

  std::mutex mutex_;  // guards what follows
  target::mux::Channel* channel_ = nullptr;
  int streams_ = 0;
  std::vector<std::function<void()>> waiting_;
};

}  // namespace fairlead::relay
