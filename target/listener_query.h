// The question for every listening TCP socket of a network namespace, as sock_diag takes it. Pure.
// SPEC.md "Detection".
#pragma once

#include <linux/inet_diag.h>
#include <linux/netlink.h>

#include <cstdint>

namespace fairlead::target {

// TCP_LISTEN, as masks of states and messages write it.
inline constexpr unsigned kDiagStateListen = 10;

// The old request type: with no family it lists both in one exchange.
struct ListenerQuery {
  explicit ListenerQuery(std::uint32_t sequence) {
    header.nlmsg_len = sizeof *this;
    header.nlmsg_type = TCPDIAG_GETSOCK;
    header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header.nlmsg_seq = sequence;
    body.idiag_states = 1U << kDiagStateListen;
  }
  nlmsghdr header{};
  inet_diag_req body{};
};

}  // namespace fairlead::target
