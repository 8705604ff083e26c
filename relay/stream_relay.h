// Relays TCP connections of one host port, on 127.0.0.1 and, where it could be had, on ::1.
//
// The data plane's loops all watch the listeners, each with a part of the relay of its own
// (relay_shard.h). SPEC.md "Data plane". Thread rule: see relay.h; destruction does not wait for
// the data plane.
#pragma once

#include <memory>
#include <vector>

#include "base/unique_fd.h"
#include "relay/acceptor.h"
#include "relay/data_plane.h"
#include "relay/dialer.h"
#include "relay/relay.h"

namespace fairlead::relay {

class RelayShard;

class StreamRelay : public Relay {
 public:
  // `plane` must outlive the relay and every connection of it. The listeners are listening already;
  // clients that came before are waiting in their backlog.
  StreamRelay(DataPlane& plane, std::vector<base::UniqueFd> listeners, Route route);
  ~StreamRelay() override;  // as stop(0), unless stop() was called before

  void reroute(Route route) override;
  void stop(std::chrono::milliseconds drain) override;
  RelayStats stats() const override;

 private:
  std::vector<std::shared_ptr<RelayShard>> shards_;
  std::vector<SharedListener> listeners_;
  bool stopped_ = false;
};

}  // namespace fairlead::relay
