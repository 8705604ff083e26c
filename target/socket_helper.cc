#include "target/socket_helper.h"

#include <linux/capability.h>
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

namespace fairlead::target {
namespace {

bool wait_readable() {
  pollfd entry{kHelperChannelFd, POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&entry, 1, -1);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
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
    sockets[made] = base::UniqueFd(make_socket(request.kind));
    if (!sockets[made]) {
      message.error_number = errno;
      break;
    }
    numbers[made] = sockets[made].get();
  }
  return reply(message, numbers.data(), made);
}

}  // namespace

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
    const base::UniqueFd probe(make_socket(SocketKind::kTcp4));
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
