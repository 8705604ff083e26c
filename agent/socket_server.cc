#include "agent/socket_server.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/owners.h"
#include "agent/packets.h"
#include "target/socket_maker.h"
#include "target/socket_protocol.h"

namespace fairlead::agent {
namespace {

using target::SocketKind;

bool join(int channel) {
  target::SocketReply reply;
  const int probe = target::make_socket(SocketKind::kTcp4);
  if (probe < 0) {
    reply.error_number = errno;
  } else {
    reply.namespace_cookie = target::namespace_cookie(probe);
    close(probe);
  }
  return send_packet(channel, &reply, sizeof reply) && reply.error_number == 0;
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
  const bool sent = send_packet(channel, &reply, sizeof reply, sockets, made);
  for (std::size_t i = 0; i < made; ++i) close(sockets[i]);
  return sent;
}

bool answer_owners(int channel, const target::OwnersRequest& request) {
  bool there = true;
  find_owners(request.inodes, request.count, [&](const target::OwnerReply& reply) {
    there = send_packet(channel, &reply, sizeof reply);
    return there;
  });
  const target::OwnerReply end;
  return there && send_packet(channel, &end, sizeof end);
}

void serve_all(int channel) {
  target::SocketRequest sockets;
  target::OwnersRequest owners;
  for (;;) {
    const std::size_t size = receive_packet(channel, &owners, sizeof owners);
    bool served = false;
    if (owners.request == target::RequestKind::kSockets && size == sizeof sockets) {
      std::memcpy(&sockets, static_cast<const void*>(&owners), sizeof sockets);
      served = serve(channel, sockets);
    } else if (owners.request == target::RequestKind::kOwners && size == sizeof owners &&
               owners.count <= target::kMaxOwnersPerRequest) {
      served = answer_owners(channel, owners);
    }
    if (!served) return;
  }
}

}  // namespace

int serve_sockets(const char* path) {
  const int channel = connect_packets(path);
  if (channel < 0) return errno;
  if (join(channel)) serve_all(channel);
  return 0;
}

}  // namespace fairlead::agent
