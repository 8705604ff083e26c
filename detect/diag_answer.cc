#include "detect/diag_answer.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>

#include "target/listener_query.h"
#include "target/mux/frame.h"

namespace fairlead::detect {
namespace {

constexpr char kTask[] = "list the container's listeners";

// Copied out: a message may lie anywhere and be shorter than it should.
template <class T>
std::optional<T> take(std::string_view& bytes) {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

void skip_padded(std::string_view& bytes, std::size_t length) {
  static_assert(NLMSG_ALIGNTO == NLA_ALIGNTO);
  bytes.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(length), bytes.size()));
}

// An attribute is a header of two 16-bit numbers, then its payload, padded to four bytes.
bool is_v6_only(std::string_view attributes) {
  for (;;) {
    std::string_view payload = attributes;
    const auto header = take<nlattr>(payload);
    if (!header || header->nla_len < sizeof *header || header->nla_len > attributes.size()) {
      return false;
    }
    if (header->nla_type == INET_DIAG_SKV6ONLY && header->nla_len > sizeof *header) {
      return payload[0] != 0;
    }
    skip_padded(attributes, header->nla_len);
  }
}

Listener to_listener(const inet_diag_msg& message, std::string_view attributes) {
  Listener listener;
  listener.endpoint.port = ntohs(message.id.idiag_sport);
  listener.uid = message.idiag_uid;
  listener.inode = message.idiag_inode;
  if (message.idiag_family == AF_INET) {
    listener.endpoint.address = base::IpAddress::v4(ntohl(message.id.idiag_src[0]));
  } else {
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), message.id.idiag_src, bytes.size());
    listener.endpoint.address = base::IpAddress::from_bytes(bytes);
    listener.v6_only = is_v6_only(attributes);
  }
  return listener;
}

void add(Snapshot& snapshot, std::string_view body) {
  const auto message = take<inet_diag_msg>(body);
  if (!message) return;
  if (message->idiag_family != AF_INET && message->idiag_family != AF_INET6) return;
  if (message->idiag_state != target::kDiagStateListen || message->id.idiag_sport == 0) return;
  if (snapshot.listeners.size() >= kMaxListeners) {
    ++snapshot.dropped;
    return;
  }
  snapshot.listeners.push_back(to_listener(*message, body));
}

// The kernel writes failures as negated error numbers.
base::Error failure(int status) {
  const bool makes_sense = status < 0 && status != INT_MIN;
  return base::errno_error(makes_sense ? -status : EPROTO, kTask);
}

}  // namespace

base::Result<bool> read_diag_datagram(std::string_view datagram, unsigned sequence,
                                      Snapshot& snapshot) {
  for (;;) {
    std::string_view body = datagram;
    const auto header = take<nlmsghdr>(body);
    if (!header || header->nlmsg_len < sizeof *header || header->nlmsg_len > datagram.size()) {
      return false;
    }
    body = body.substr(0, header->nlmsg_len - sizeof *header);
    skip_padded(datagram, header->nlmsg_len);
    if (header->nlmsg_seq != sequence) continue;
    if (header->nlmsg_type == NLMSG_DONE) {
      // A dump that failed halfway says so here.
      const int status = take<int>(body).value_or(0);
      if (status < 0) return failure(status);
      return true;
    }
    if (header->nlmsg_type == NLMSG_ERROR) return failure(take<int>(body).value_or(0));
    add(snapshot, body);
  }
}

base::Result<Snapshot> parse_diag_answer(std::string_view datagrams) {
  Snapshot snapshot;
  const auto complete = read_diag_datagram(datagrams, target::mux::kDiagSequence, snapshot);
  if (!complete) return complete.error();
  if (!*complete) return base::errno_error(EPROTO, kTask);
  normalize(snapshot);
  return snapshot;
}

}  // namespace fairlead::detect
