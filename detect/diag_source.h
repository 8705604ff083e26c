// Pictures by sock_diag over a netlink socket made inside the namespace: LISTEN sockets only, both
// families in one exchange, at a cost that does not depend on the number of connections.
//
// A second socket hears of destroyed sockets; a classic filter in the kernel keeps out connections
// that end by FIN, so that 30,000 of them a second wake nobody. Those that were reset have lost
// their remote port and look like listeners: the reader paces itself. SPEC.md "Detection".
#pragma once

#include <memory>
#include <vector>

#include "base/unique_fd.h"
#include "detect/listener_source.h"
#include "target/init_process.h"

namespace fairlead::detect {

class DiagSource : public ListenerSource {
 public:
  // Takes two NETLINK_SOCK_DIAG sockets of the namespace; `events` may be empty. `init` must
  // outlive the source.
  static base::Result<std::unique_ptr<DiagSource>> create(const target::InitProcess& init,
                                                          base::UniqueFd queries,
                                                          base::UniqueFd events);

  base::Result<Snapshot> scan() override;
  int event_fd() const override { return events_.get(); }
  void drain_events() override;
  const char* name() const override { return "sock_diag"; }

 private:
  DiagSource(const target::InitProcess& init, base::UniqueFd queries, base::UniqueFd events)
      : init_(init), queries_(std::move(queries)), events_(std::move(events)), buffer_(32U << 10) {}
  base::Result<void> read_answer(Snapshot& snapshot);

  const target::InitProcess& init_;
  base::UniqueFd queries_;
  base::UniqueFd events_;
  std::vector<char> buffer_;
  unsigned sequence_ = 0;
};

}  // namespace fairlead::detect
