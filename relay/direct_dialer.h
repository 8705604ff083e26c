// Dials the container's own address from this host's network: reaches what is bound to every
// address or to that one. SPEC.md "Relays", kind `direct`.
//
// An address may pass to another container at any moment. So a connection that has come about is
// looked at once more: only if the address is the container's at that time, after it was dialled,
// do bytes flow.
#pragma once

#include <functional>

#include "relay/dialer.h"

namespace fairlead::relay {

class DirectDialer : public Dialer {
 public:
  // Whether an address is the container's now. Called on data plane threads, several at once.
  using Proof = std::function<base::Result<void>(const base::IpAddress&)>;
  explicit DirectDialer(Proof proof) : proof_(std::move(proof)) {}

  DialSocket reserve(const std::vector<base::Endpoint>& targets,
                     const std::function<void()>& when_ready) override;
  void unreserve(DialSocket socket) override { (void)socket; }
  void relieve() override {}
  base::Result<void> connect(DialSocket& socket, const base::Endpoint& target) override;
  base::Result<void> confirm(const base::Endpoint& target) override;

 private:
  Proof proof_;
};

}  // namespace fairlead::relay
