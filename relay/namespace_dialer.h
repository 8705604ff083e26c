// Dials with sockets made inside the container's network namespace: reaches whatever the container
// itself can reach, its own loopback included. SPEC.md "Relays", kind `namespace`.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "relay/dialer.h"
#include "relay/waiting_line.h"
#include "target/namespace_sockets.h"

namespace fairlead::relay {

class NamespaceDialer : public Dialer {
 public:
  explicit NamespaceDialer(std::shared_ptr<target::NamespaceSockets> sockets)
      : sockets_(std::move(sockets)) {}

  DialSocket reserve(const std::vector<base::Endpoint>& targets,
                     const std::function<void()>& when_ready) override;
  void unreserve(DialSocket socket) override;
  void relieve() override { sockets_->relieve(); }
  base::Result<void> connect(DialSocket& socket, const base::Endpoint& target) override;

  // New sockets have arrived: calls whoever was told "none". Any thread.
  void sockets_arrived() { starving_.wake_all(); }

 private:
  std::shared_ptr<target::NamespaceSockets> sockets_;
  WaitingLine starving_;
};

}  // namespace fairlead::relay
