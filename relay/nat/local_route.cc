#include "relay/nat/local_route.h"

#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"
#include "relay/nat/netlink.h"

namespace fairlead::relay {
namespace {

constexpr int kAnswerPatienceMs = 200;

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
  if (poll(&entry, 1, kAnswerPatienceMs) <= 0) {
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

bool takes_away(std::string_view announcement, const base::IpAddress& address) {
  const std::uint32_t wanted = htonl(address.as_v4());
  bool does = false;
  each_message(announcement, [&](int type, std::string_view body) {
    if (type != RTM_DELADDR || body.size() < sizeof(ifaddrmsg)) return;
    each_attribute(body.substr(NLMSG_ALIGN(sizeof(ifaddrmsg))),
                   [&](int attribute, std::string_view value) {
                     if (attribute != IFA_LOCAL && attribute != IFA_ADDRESS) return;
                     does = does || (value.size() == sizeof wanted &&
                                     std::memcmp(value.data(), &wanted, sizeof wanted) == 0);
                   });
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
