#include "relay/nat/end_connections.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "relay/nat/netlink_socket.h"

namespace fairlead::relay {
namespace {

constexpr const char* kWhat = "end connections (CONFIG_INET_DIAG_DESTROY)";

constexpr std::uint32_t state(int one) { return 1U << one; }
// Not those that listen, and those that only wait for their time to pass.
constexpr std::uint32_t kStates = ~(state(TCP_LISTEN) | state(TCP_CLOSE) | state(TCP_TIME_WAIT));

inet_diag_req_v2 about_v4() {
  inet_diag_req_v2 header{};
  header.sdiag_family = AF_INET;
  header.sdiag_protocol = IPPROTO_TCP;
  header.idiag_states = kStates;
  header.id.idiag_cookie[0] = header.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return header;
}

base::Result<void> end(const NetlinkSocket& netlink, const inet_diag_sockid& which) {
  inet_diag_req_v2 header = about_v4();
  header.id = which;
  NetlinkMessage order(SOCK_DESTROY, NLM_F_ACK, header);
  return netlink.tell(order);
}

inet_diag_sockid named(const ConnectionEnds& ends) {
  inet_diag_sockid id = about_v4().id;
  id.idiag_sport = htons(ends.local.port);
  id.idiag_dport = htons(ends.remote.port);
  id.idiag_src[0] = htonl(ends.local.address.as_v4());
  id.idiag_dst[0] = htonl(ends.remote.address.as_v4());
  return id;
}

base::Result<inet_diag_msg> look_up(const NetlinkSocket& netlink, const inet_diag_sockid& which) {
  inet_diag_req_v2 header = about_v4();
  header.id = which;
  NetlinkMessage question(SOCK_DIAG_BY_FAMILY, 0, header);
  inet_diag_msg message{};
  const auto answered = netlink.ask(question, [&](int, std::string_view body) {
    if (body.size() >= sizeof message) std::memcpy(&message, body.data(), sizeof message);
    return false;
  });
  if (!answered) return answered.error();
  return message;
}

// "Its remote address is this one", in the filter's own instructions: an inet_diag_bc_op, an
// inet_diag_hostcond, the address.
std::array<char, 16> remote_is(const base::IpAddress& remote) {
  std::array<char, 16> filter{};
  // To its end: wanted; beyond it: not.
  const inet_diag_bc_op condition{INET_DIAG_BC_D_COND, filter.size(), filter.size() + 4};
  static_assert(sizeof condition == 4 && sizeof(inet_diag_hostcond) == 8);
  const std::uint8_t family = AF_INET, prefix = 32;
  const std::int32_t any_port = -1;
  const std::uint32_t address = htonl(remote.as_v4());
  std::memcpy(filter.data(), &condition, sizeof condition);
  std::memcpy(filter.data() + 4 + offsetof(inet_diag_hostcond, family), &family, 1);
  std::memcpy(filter.data() + 4 + offsetof(inet_diag_hostcond, prefix_len), &prefix, 1);
  std::memcpy(filter.data() + 4 + offsetof(inet_diag_hostcond, port), &any_port, 4);
  std::memcpy(filter.data() + 12, &address, sizeof address);
  return filter;
}

NetlinkMessage listing(int storage, const base::IpAddress& remote) {
  NetlinkMessage question(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, about_v4());
  const auto filter = remote_is(remote);
  question.add(INET_DIAG_REQ_BYTECODE, filter.data(), filter.size());
  const std::size_t storages = question.begin(INET_DIAG_REQ_SK_BPF_STORAGES);
  question.add(SK_DIAG_BPF_STORAGE_REQ_MAP_FD, &storage, sizeof storage);
  question.end(storages);
  return question;
}

// Whether a listed socket remembers something.
bool remembers(std::string_view attributes) {
  bool does = false;
  each_attribute(attributes, [&](int type, std::string_view storages) {
    if (type != INET_DIAG_SK_BPF_STORAGES) return;
    each_attribute(storages, [&](int, std::string_view one) {
      each_attribute(one, [&](int inner, std::string_view value) {
        does = does || (inner == SK_DIAG_BPF_STORAGE_MAP_VALUE && !value.empty());
      });
    });
  });
  return does;
}

}  // namespace

base::Result<void> can_end_connections() {
  const auto netlink = NetlinkSocket::open(NETLINK_SOCK_DIAG, kWhat);
  if (!netlink) return netlink.error();
  // Nobody listens on port 0, and no socket has come as far as this number.
  inet_diag_sockid nobody = named({{base::IpAddress::v4(0), 0}, {base::IpAddress::v4(0), 0}});
  nobody.idiag_cookie[0] = nobody.idiag_cookie[1] = INET_DIAG_NOCOOKIE - 1;
  auto ended = end(*netlink, nobody);
  if (!ended && ended.error().code.value() == ENOENT) return {};
  return ended;
}

base::Result<std::size_t> end_connections(const std::vector<ConnectionEnds>& connections) {
  const auto netlink = NetlinkSocket::open(NETLINK_SOCK_DIAG, kWhat);
  if (!netlink) return netlink.error();
  std::size_t ended = 0;
  for (const ConnectionEnds& one : connections) {
    // Who listens on the client's port is found by the same four numbers once the client has gone.
    const auto found = look_up(*netlink, named(one));
    if (found && found->idiag_state != TCP_LISTEN && end(*netlink, found->id)) ++ended;
  }
  return ended;
}

base::Result<std::size_t> end_connections_of(int storage, const base::IpAddress& remote) {
  const auto netlink = NetlinkSocket::open(NETLINK_SOCK_DIAG, kWhat);
  if (!netlink) return netlink.error();
  std::vector<inet_diag_sockid> found;
  NetlinkMessage question = listing(storage, remote);
  const auto listed = netlink->ask(question, [&](int, std::string_view body) {
    inet_diag_msg message;
    if (body.size() < sizeof message) return true;
    std::memcpy(&message, body.data(), sizeof message);
    if (remembers(body.substr(NLMSG_ALIGN(sizeof message)))) found.push_back(message.id);
    return true;
  });
  if (!listed) return listed.error();
  std::size_t ended = 0;
  for (const inet_diag_sockid& one : found) {
    if (end(*netlink, one)) ++ended;
  }
  return ended;
}

}  // namespace fairlead::relay
