// The agent: what fairlead starts in a container, by its engine's exec, where it may not join the
// container's network namespace itself.
//
//   fairlead-agent SOCKET
//
// Connects to the supervisor's socket, which lies in a directory that is mounted into the
// container, and makes sockets for it (target/socket_protocol.h). It is one static program, needs
// nothing of the container's image, has one thread, keeps nothing and ends when the supervisor
// does: the socket is closed then. SPEC.md "Agent".
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "agent/owners.h"
#include "agent/packets.h"
#include "target/socket_maker.h"
#include "target/socket_protocol.h"

namespace {

using namespace fairlead;
using target::SocketKind;

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

bool join(int channel) {
  target::SocketReply reply;
  const int probe = target::make_socket(SocketKind::kTcp4);
  if (probe < 0) {
    reply.error_number = errno;
  } else {
    reply.namespace_cookie = target::namespace_cookie(probe);
    close(probe);
  }
  return agent::send_packet(channel, &reply, sizeof reply) && reply.error_number == 0;
}

bool serve(int channel, const target::SocketRequest& request) {
  int sockets[target::kMaxSocketsPerRequest];
  target::SocketReply reply{target::ReplyKind::kSockets, request.kind, 0, 0};
  std::size_t made = 0;
  while (made < request.count && made < target::kMaxSocketsPerRequest) {
    sockets[made] = target::make_socket(request.kind);
    if (sockets[made] < 0) {
      reply.error_number = errno;
      break;
    }
    ++made;
  }
  const bool sent = agent::send_packet(channel, &reply, sizeof reply, sockets, made);
  for (std::size_t i = 0; i < made; ++i) close(sockets[i]);
  return sent;
}

// Until the supervisor has gone.
void serve_all(int channel) {
  target::SocketRequest sockets;
  target::OwnersRequest owners;
  for (;;) {
    const std::size_t size = agent::receive_packet(channel, &owners, sizeof owners);
    bool served = false;
    if (owners.request == target::RequestKind::kSockets && size == sizeof sockets) {
      std::memcpy(&sockets, static_cast<const void*>(&owners), sizeof sockets);
      served = serve(channel, sockets);
    } else if (owners.request == target::RequestKind::kOwners && size == sizeof owners &&
               owners.count <= target::kMaxOwnersPerRequest) {
      served = agent::answer_owners(channel, owners.inodes, owners.count);
    }
    if (!served) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    constexpr char kUsage[] = "usage: fairlead-agent SOCKET\n";
    return write(STDERR_FILENO, kUsage, sizeof kUsage - 1) < 0 ? 2 : 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_NAME, "fairlead-agent", 0, 0, 0);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  raise_descriptor_limit();
  const int channel = agent::connect_packets(argv[1]);
  if (channel < 0) {
    const char* why = std::strerror(errno);
    return write(STDERR_FILENO, why, std::strlen(why)) < 0 ? 1 : 1;
  }
  if (!join(channel)) return 1;
  serve_all(channel);
  return 0;
}
