// The relay of TCP connections: acceptors on the host port, a dialer into the container, pumps
// between. Serves every kind whose dialer yields a socket. SPEC.md "Relays".
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>

#include "relay/acceptor.h"
#include "relay/connection.h"
#include "relay/dialer.h"
#include "relay/relay.h"

namespace fairlead::relay {

class StreamRelay : public Relay {
 public:
  // `loop` must outlive the relay and every connection of it. The listeners are listening already;
  // clients that came before are waiting in their backlog.
  StreamRelay(EventLoop& loop, std::shared_ptr<Dialer> dialer,
              std::vector<base::UniqueFd> listeners, std::vector<base::Endpoint> targets);
  ~StreamRelay() override;  // as stop(0), unless stop() was called before

  void retarget(std::vector<base::Endpoint> targets) override;
  void stop(std::chrono::milliseconds drain) override;
  RelayStats stats() const override;

 private:
  class Core;
  std::shared_ptr<Core> core_;
  std::vector<SharedListener> listeners_;
  bool stopped_ = false;
};

}  // namespace fairlead::relay
