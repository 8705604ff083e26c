#include "relay/nat/local_route.h"

#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>

#include "base/unique_fd.h"

namespace fairlead::relay {
namespace {

constexpr int kAnswerPatienceMs = 200;

// Calls `found` for each attribute: its type and its bytes.
void each_attribute(std::string_view bytes,
                    const std::function<void(int type, std::string_view value)>& found) {
  rtattr attribute;
  while (bytes.size() >= sizeof attribute) {
    std::memcpy(&attribute, bytes.data(), sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > bytes.size()) return;
    found(attribute.rta_type & NLA_TYPE_MASK,
          bytes.substr(RTA_LENGTH(0), attribute.rta_len - RTA_LENGTH(0)));
    bytes.remove_prefix(std::min<std::size_t>(RTA_ALIGN(attribute.rta_len), bytes.size()));
  }
}

std::string text_of(std::string_view value) {
  return std::string(value.substr(0, value.find('\0')));
}

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

struct Message {
  Message(std::uint16_t type, std::size_t header_size) {
    head.nlmsg_type = type;
    head.nlmsg_flags = NLM_F_REQUEST;
    head.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(header_size));
  }
  void add(std::uint16_t type, const void* value, std::size_t size) {
    rtattr attribute{static_cast<std::uint16_t>(RTA_LENGTH(size)), type};
    char* const at = bytes() + NLMSG_ALIGN(head.nlmsg_len);
    std::memcpy(at, &attribute, sizeof attribute);
    std::memcpy(at + RTA_LENGTH(0), value, size);
    head.nlmsg_len = static_cast<std::uint32_t>(NLMSG_ALIGN(head.nlmsg_len) + RTA_SPACE(size));
  }
  char* bytes() { return reinterpret_cast<char*>(&head); }

  nlmsghdr head{};
  std::array<char, 64> rest{};
};

base::Result<std::string> ask(const base::UniqueFd& fd, Message& question) {
  if (send(fd.get(), question.bytes(), question.head.nlmsg_len, MSG_NOSIGNAL) < 0) {
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

base::Result<std::string> local_interface(const base::IpAddress& address) {
  const base::UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return base::errno_error("ask for a route");
  Message question(RTM_GETROUTE, sizeof(rtmsg));
  rtmsg wanted{};
  wanted.rtm_family = AF_INET;
  wanted.rtm_dst_len = 32;
  std::memcpy(question.rest.data(), &wanted, sizeof wanted);
  question.add(RTA_DST, address.bytes().data() + 12, 4);
  const auto answered = ask(fd, question);
  if (!answered) return answered.error();
  const auto route = read_route(*answered);
  if (!route) return route.error();

  Message about(RTM_GETLINK, sizeof(ifinfomsg));
  ifinfomsg interface {};
  interface.ifi_index = route->interface;
  std::memcpy(about.rest.data(), &interface, sizeof interface);
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
