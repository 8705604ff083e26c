#include "detect/diag_source.h"

#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "detect/diag_answer.h"
#include "target/listener_query.h"

namespace fairlead::detect {
namespace {

using base::errno_error;

constexpr int kAnswerPatienceMs = 200;

// Bits of sockaddr_nl.nl_groups.
constexpr unsigned group_bit(unsigned group) { return 1U << (group - 1); }

// Keeps messages about sockets without a remote port: a listener that has closed says state CLOSE,
// so the state cannot tell. Offsets into nlmsghdr + inet_diag_msg: idiag_dport.
base::Result<void> attach_listener_filter(const base::UniqueFd& fd) {
  constexpr unsigned kRemotePortOffset = NLMSG_HDRLEN + offsetof(inet_diag_msg, id.idiag_dport);
  constexpr unsigned kLocalPortOffset = NLMSG_HDRLEN + offsetof(inet_diag_msg, id.idiag_sport);
  std::array<sock_filter, 6> program{{
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kRemotePortOffset),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, kLocalPortOffset),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  const sock_fprog description{program.size(), program.data()};
  if (setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &description, sizeof description) != 0) {
    return errno_error("filter socket events");
  }
  return {};
}

// ADD_MEMBERSHIP alone hears nothing, silently: the groups must be bound.
base::Result<void> bind_to_destroy_events(const base::UniqueFd& fd) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = group_bit(SKNLGRP_INET_TCP_DESTROY) | group_bit(SKNLGRP_INET6_TCP_DESTROY);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return errno_error("subscribe to socket events");
  }
  return {};
}

}  // namespace

base::Result<std::unique_ptr<DiagSource>> DiagSource::create(const target::InitProcess& init,
                                                             base::UniqueFd queries,
                                                             base::UniqueFd events) {
  if (events) {
    if (auto done = attach_listener_filter(events); !done) return done.error();
    if (auto done = bind_to_destroy_events(events); !done) return done.error();
  }
  std::unique_ptr<DiagSource> source(new DiagSource(init, std::move(queries), std::move(events)));
  if (auto first = source->scan(); !first) return first.error();
  return source;
}

base::Result<Snapshot> DiagSource::scan() {
  const target::ListenerQuery request(++sequence_);
  if (send(queries_.get(), &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    return errno_error("ask for the container's listeners");
  }
  Snapshot snapshot;
  if (auto read = read_answer(snapshot); !read) return read.error();
  // A socket of a dead namespace answers, too: with a valid, empty picture.
  if (!init_.alive()) return errno_error(ESRCH, "the container's init process");
  normalize(snapshot);
  return snapshot;
}

base::Result<void> DiagSource::read_answer(Snapshot& snapshot) {
  for (;;) {
    const ssize_t count = recv(queries_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      pollfd entry{queries_.get(), POLLIN, 0};  // the kernel answers in the call; a mere safeguard
      if (poll(&entry, 1, kAnswerPatienceMs) > 0) continue;
      return errno_error(ETIMEDOUT, "list the container's listeners");
    }
    if (count <= 0) return errno_error("list the container's listeners");
    const auto complete =
        read_diag_datagram({buffer_.data(), static_cast<std::size_t>(count)}, sequence_, snapshot);
    if (!complete) return complete.error();
    if (*complete) return {};
  }
}

void DiagSource::drain_events() {
  char sink[8192];
  // ENOBUFS means that events were lost: the rescan that follows sees what they would have said.
  while (recv(events_.get(), sink, sizeof sink, MSG_DONTWAIT) > 0 || errno == ENOBUFS) {
  }
}

}  // namespace fairlead::detect
