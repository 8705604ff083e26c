#include "detect/diag_answer.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace fairlead::detect {
namespace {

template <class T>
const T* payload(const nlmsghdr* header) {
  return reinterpret_cast<const T*>(reinterpret_cast<const char*>(header) + NLMSG_HDRLEN);
}

// An attribute is a header of two 16-bit numbers, then its payload, padded to four bytes.
bool is_v6_only(const nlmsghdr* header) {
  const char* at = reinterpret_cast<const char*>(payload<inet_diag_msg>(header) + 1);
  std::size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof(inet_diag_msg));
  while (left >= sizeof(nlattr)) {
    nlattr attribute{};
    std::memcpy(&attribute, at, sizeof attribute);
    if (attribute.nla_len < sizeof attribute || attribute.nla_len > left) return false;
    if (attribute.nla_type == INET_DIAG_SKV6ONLY && attribute.nla_len > sizeof attribute) {
      return at[sizeof attribute] != 0;
    }
    const std::size_t step = std::min<std::size_t>(NLA_ALIGN(attribute.nla_len), left);
    at += step;
    left -= step;
  }
  return false;
}

Listener to_listener(const nlmsghdr* header, const inet_diag_msg* message) {
  Listener listener;
  listener.endpoint.port = ntohs(message->id.idiag_sport);
  listener.uid = message->idiag_uid;
  listener.inode = message->idiag_inode;
  if (message->idiag_family == AF_INET) {
    listener.endpoint.address = base::IpAddress::v4(ntohl(message->id.idiag_src[0]));
  } else {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), message->id.idiag_src, bytes.size());
    listener.endpoint.address = base::IpAddress::from_bytes(bytes);
    listener.v6_only = is_v6_only(header);
  }
  return listener;
}

void add(Snapshot& snapshot, const nlmsghdr* header) {
  if (header->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) return;
  const auto* message = payload<inet_diag_msg>(header);
  if (message->idiag_family != AF_INET && message->idiag_family != AF_INET6) return;
  if (message->idiag_state != kDiagStateListen || message->id.idiag_sport == 0) return;
  if (snapshot.listeners.size() >= kMaxListeners) {
    ++snapshot.dropped;
    return;
  }
  snapshot.listeners.push_back(to_listener(header, message));
}

}  // namespace

base::Result<bool> read_diag_datagram(std::string_view datagram, unsigned sequence,
                                      Snapshot& snapshot) {
  std::size_t left = datagram.size();
  for (const auto* header = reinterpret_cast<const nlmsghdr*>(datagram.data());
       NLMSG_OK(header, left); header = NLMSG_NEXT(header, left)) {
    if (header->nlmsg_seq != sequence) continue;  // left over from an answer given up on
    if (header->nlmsg_type == NLMSG_DONE) {
      // A dump that failed halfway says so here.
      const bool says = header->nlmsg_len >= NLMSG_LENGTH(sizeof(int));
      const int status = says ? *payload<int>(header) : 0;
      if (status < 0) return base::errno_error(-status, "list the container's listeners");
      return true;
    }
    if (header->nlmsg_type == NLMSG_ERROR) {
      const auto* failure = payload<nlmsgerr>(header);
      return base::errno_error(-failure->error, "list the container's listeners");
    }
    add(snapshot, header);
  }
  return false;
}

}  // namespace fairlead::detect
