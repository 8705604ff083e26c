// NamespaceSockets by a helper process of ours that joins the namespace with setns.
//
// Works as root for every local container, and without root where the container's user namespace is
// ours. SPEC.md "Namespace sockets". Thread rule: as target/pooled_sockets.h.
#pragma once

#include <string>
#include <vector>

#include "target/pooled_sockets.h"

namespace fairlead::target {

class SetnsSockets : public PooledSockets {
 public:
  struct Options {
    // argv of the helper process; its descriptor 3 is the channel.
    std::vector<std::string> helper_argv;
    std::size_t idle_pool = 16;
    std::size_t largest_pool = 512;
  };

  // `init` must outlive this object.
  SetnsSockets(boost::asio::io_context& loop, const InitProcess& init, Options options);
};

}  // namespace fairlead::target
