#include "target/socket_helper.h"

#include <linux/capability.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/net.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace fairlead::target {
namespace {

// Three SYN retries: a dial that meets a full backlog gives up after some 15 s, without a timer.
constexpr int kSynRetries = 3;

bool wait_readable() {
  pollfd entry{kHelperChannelFd, POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&entry, 1, -1);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

base::UniqueFd make_socket(SocketKind kind) {
  constexpr int kFlags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  if (kind == SocketKind::kDiag) {
    return base::UniqueFd(socket(AF_NETLINK, SOCK_RAW | kFlags, NETLINK_SOCK_DIAG));
  }
  if (kind == SocketKind::kUdp4 || kind == SocketKind::kUdp6) {
    const int family = kind == SocketKind::kUdp4 ? AF_INET : AF_INET6;
    return base::UniqueFd(socket(family, SOCK_DGRAM | kFlags, 0));
  }
  base::UniqueFd fd(
      socket(kind == SocketKind::kTcp4 ? AF_INET : AF_INET6, SOCK_STREAM | kFlags, 0));
  if (!fd) return fd;
  const int on = 1;
  const int off = 0;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd.get(), IPPROTO_TCP, TCP_SYNCNT, &kSynRetries, sizeof kSynRetries);
  base::reset_on_close(fd.get());
  if (kind == SocketKind::kTcp6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  return fd;
}

void drop_capabilities() {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> nothing{};
  syscall(SYS_capset, &header, nothing.data());
}

// 0 or an errno.
int join(const JoinRequest& request, int pidfd) {
  const int user = request.join_user_namespace != 0 ? CLONE_NEWUSER : 0;
  if (setns(pidfd, CLONE_NEWNET | user) != 0) return errno;
  drop_capabilities();
  return 0;
}

bool reply(const SocketReply& message, const int* descriptors, std::size_t count) {
  for (;;) {
    const auto sent =
        base::send_descriptors(kHelperChannelFd, &message, sizeof message, descriptors, count);
    if (sent) return true;
    if (sent.error().code.value() != EAGAIN) return false;
    pollfd entry{kHelperChannelFd, POLLOUT, 0};
    if (poll(&entry, 1, -1) < 0 && errno != EINTR) return false;
  }
}

bool serve(const SocketRequest& request) {
  std::array<base::UniqueFd, kMaxSocketsPerRequest> sockets;
  std::array<int, kMaxSocketsPerRequest> numbers{};
  SocketReply message{ReplyKind::kSockets, request.kind, 0, 0};
  std::size_t made = 0;
  const std::size_t wanted = std::min<std::size_t>(request.count, sockets.size());
  for (; made < wanted; ++made) {
    sockets[made] = make_socket(request.kind);
    if (!sockets[made]) {
      message.error_number = errno;
      break;
    }
    numbers[made] = sockets[made].get();
  }
  return reply(message, numbers.data(), made);
}

}  // namespace

std::uint64_t namespace_cookie(int socket) {
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (getsockopt(socket, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) != 0) return 0;
  return cookie;
}

int run_socket_helper() {
  prctl(PR_SET_NAME, "fairlead-socks", 0, 0, 0);
  base::raise_descriptor_limit();
  JoinRequest request;
  if (!wait_readable()) return 1;
  auto first = base::receive_descriptors(kHelperChannelFd, &request, sizeof request);
  if (!first || first->size != sizeof request || first->descriptors.size() != 1) return 1;
  SocketReply joined;
  joined.error_number = join(request, first->descriptors[0].get());
  first->descriptors.clear();
  if (joined.error_number == 0) {
    const base::UniqueFd probe = make_socket(SocketKind::kTcp4);
    joined.namespace_cookie = probe ? namespace_cookie(probe.get()) : 0;
  }
  if (!reply(joined, nullptr, 0) || joined.error_number != 0) return 1;
  for (;;) {
    SocketRequest wanted;
    if (!wait_readable()) return 1;
    const auto message = base::receive_descriptors(kHelperChannelFd, &wanted, sizeof wanted);
    if (!message) {
      if (message.error().code.value() == EAGAIN) continue;
      return 1;
    }
    if (message->size != sizeof wanted) return 0;  // closed
    if (!serve(wanted)) return 0;
  }
}

}  // namespace fairlead::target
