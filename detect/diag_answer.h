// Pure parser of what sock_diag answers to a dump of listeners: datagrams of netlink messages.
//
// The kernel writes them, yet over a socket that came out of a container's namespace: lengths are
// checked against what has arrived. SPEC.md "Detection".
#pragma once

#include <string_view>

#include "base/result.h"
#include "detect/listener.h"

namespace fairlead::detect {

// Adds the LISTEN sockets in one datagram to `snapshot` (not normalized). Messages that carry
// another sequence number are left over from an answer given up on, and skipped. True once the
// dump is complete; an error if the dump failed.
base::Result<bool> read_diag_datagram(std::string_view datagram, unsigned sequence,
                                      Snapshot& snapshot);

// A whole answer, its datagrams one after the other, as an agent passes it on with sequence number
// target::mux::kDiagSequence. An error if the dump failed or is not complete.
base::Result<Snapshot> parse_diag_answer(std::string_view datagrams);

}  // namespace fairlead::detect
