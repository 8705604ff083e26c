#include "relay/nat/local_route.h"

#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"
#include "relay/nat/netlink.h"

namespace fairlead::relay {
namespace {

constexpr int kRouteAnswerPatienceMs = 200;

// The body of a message of the wanted type, after its fixed header, which is copied out.
template <class Header>
base::Result<std::string_view> body_of(std::string_view message, int type, Header& header) {
  nlmsghdr head;
  if (message.size() < sizeof head) return base::errno_error(EBADMSG, "ask for a route");
  std::memcpy(&head, message.data(), sizeof head);
  if (head.nlmsg_len < sizeof head || head.nlmsg_len > message.size()) {
    return base::errno_error(EBADMSG, "ask for a route");
  }
  message = message.substr(NLMSG_HDRLEN, head.nlmsg_len - NLMSG_HDRLEN);
  if (head.nlmsg_type == NLMSG_ERROR && message.size() >= sizeof(int)) {
    int error = 0;
    std::memcpy(&error, message.data(), sizeof error);
    return base::errno_error(-error, "ask for a route");
  }
  if (head.nlmsg_type != type || message.size() < sizeof header) {
    return base::errno_error(EBADMSG, "ask for a route");
  }
  std::memcpy(&header, message.data(), sizeof header);
  return message.substr(NLMSG_ALIGN(sizeof header));
}

base::Result<std::string> ask(const base::UniqueFd& fd, NetlinkMessage& question) {
  const std::string_view bytes = question.bytes();
  if (send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
    return base::errno_error("ask for a route");
  }
  pollfd entry{fd.get(), POLLIN, 0};
  if (poll(&entry, 1, kRouteAnswerPatienceMs) <= 0) {
    return base::errno_error(ETIMEDOUT, "ask for a route");
  }
  std::string answer(16384, '\0');
  const ssize_t count = recv(fd.get(), answer.data(), answer.size(), 0);
  if (count < 0) return base::errno_error("ask for a route");
  answer.resize(static_cast<std::size_t>(count));
  return answer;
}

}  // namespace

base::Result<RouteAnswer> read_route(std::string_view message) {
  rtmsg header{};
  const auto body = body_of(message, RTM_NEWROUTE, header);
  if (!body) return body.error();
  RouteAnswer answer;
  answer.direct = header.rtm_type == RTN_UNICAST;
  each_attribute(*body, [&](int type, std::string_view value) {
    if (type == RTA_OIF && value.size() == sizeof answer.interface) {
      std::memcpy(&answer.interface, value.data(), value.size());
    }
    if (type == RTA_GATEWAY || type == RTA_VIA || type == RTA_ENCAP) answer.direct = false;
  });
  return answer;
}

base::Result<LinkAnswer> read_link(std::string_view message) {
  ifinfomsg header{};
  const auto body = body_of(message, RTM_NEWLINK, header);
  if (!body) return body.error();
  LinkAnswer answer;
  each_attribute(*body, [&](int type, std::string_view value) {
    if (type == IFLA_IFNAME) answer.name = text_of(value);
    if (type != IFLA_LINKINFO) return;
    each_attribute(value, [&](int inner, std::string_view word) {
      if (inner == IFLA_INFO_KIND) answer.kind = text_of(word);
    });
  });
  return answer;
}

std::optional<InterfaceAddress> read_address(std::string_view body) {
  ifaddrmsg header;
  if (body.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, body.data(), sizeof header);
  if (header.ifa_family != AF_INET) return std::nullopt;
  // Of a point-to-point link IFA_ADDRESS is the other end's.
  std::optional<std::uint32_t> local, address;
  each_attribute(body.substr(NLMSG_ALIGN(sizeof header)), [&](int type, std::string_view value) {
    std::uint32_t number = 0;
    if (value.size() != sizeof number) return;
    std::memcpy(&number, value.data(), sizeof number);
    if (type == IFA_LOCAL) local = ntohl(number);
    if (type == IFA_ADDRESS) address = ntohl(number);
  });
  if (!local) local = address;
  if (!local) return std::nullopt;
  return InterfaceAddress{header.ifa_index, base::IpAddress::v4(*local)};
}

base::Result<std::vector<base::IpAddress>> addresses_in_order(const NetlinkSocket& netlink) {
  ifaddrmsg wanted{};
  wanted.ifa_family = AF_INET;
  NetlinkMessage question(RTM_GETADDR, NLM_F_DUMP, wanted);
  std::vector<InterfaceAddress> found;
  const auto asked = netlink.ask(question, [&](int type, std::string_view body) {
    const auto one = type == RTM_NEWADDR ? read_address(body) : std::nullopt;
    if (one && !one->address.is_loopback()) found.push_back(*one);
    return true;
  });
  if (!asked) return asked.error();
  std::stable_sort(found.begin(), found.end(), [](const auto& one, const auto& other) {
    return one.interface < other.interface;
  });
  std::vector<base::IpAddress> addresses;
  for (const InterfaceAddress& one : found) addresses.push_back(one.address);
  return addresses;
}

bool takes_away(std::string_view announcement, const base::IpAddress& address) {
  bool does = false;
  each_message(announcement, [&](int type, std::string_view body) {
    const auto one = type == RTM_DELADDR ? read_address(body) : std::nullopt;
    does = does || (one && one->address == address);
  });
  return does;
}

base::Result<std::string> local_interface(const base::IpAddress& address) {
  const base::UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return base::errno_error("ask for a route");
  rtmsg wanted{};
  wanted.rtm_family = AF_INET;
  wanted.rtm_dst_len = 32;
  NetlinkMessage question(RTM_GETROUTE, 0, wanted);
  question.add(RTA_DST, address.bytes().data() + 12, 4);
  const auto answered = ask(fd, question);
  if (!answered) return answered.error();
  const auto route = read_route(*answered);
  if (!route) return route.error();

  ifinfomsg interface {};
  interface.ifi_index = route->interface;
  NetlinkMessage about(RTM_GETLINK, 0, interface);
  const auto described = ask(fd, about);
  if (!described) return described.error();
  const auto link = read_link(*described);
  if (!link) return link.error();
  if (!route->direct) {
    return base::plain_error(address.to_string() + " is not next to this host (via " + link->name +
                             ")");
  }
  if (link->kind != "bridge" && link->kind != "veth") {
    return base::plain_error(address.to_string() + " leads to " + link->name +
                             ", which is neither a bridge nor a veth");
  }
  return link->name;
}

}  // namespace fairlead::relay
