#include "relay/nat/conntrack.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "relay/nat/netlink.h"

namespace fairlead::relay {
namespace {

constexpr const char* kWhat = "forget translated connections";
constexpr int kAnswerPatienceMs = 1000;
// Which field of a tuple a listing is to be filtered by; the kernel keeps the name to itself.
constexpr std::uint32_t kFilterSource = 1U << 0;

constexpr std::uint16_t type_of(int operation) {
  return static_cast<std::uint16_t>((NFNL_SUBSYS_CTNETLINK << 8) | operation);
}
constexpr nfgenmsg kAboutV4{AF_INET, NFNETLINK_V0, 0};

// One connection as it is to be named: its own tuple and number, as the kernel gave them.
struct Flow {
  std::string tuple;
  std::string number;
};

// Whether an original tuple goes to 127/8.
bool goes_to_loopback(std::string_view tuple) {
  bool does = false;
  each_attribute(tuple, [&](int type, std::string_view value) {
    if (type != CTA_TUPLE_IP) return;
    each_attribute(value, [&](int inner, std::string_view address) {
      if (inner == CTA_IP_V4_DST && address.size() == 4) does = address[0] == 127;
    });
  });
  return does;
}

NetlinkMessage listing(const base::IpAddress& address) {
  NetlinkMessage question(type_of(IPCTNL_MSG_CT_GET), NLM_F_DUMP, kAboutV4);
  const std::size_t tuple = question.begin(CTA_TUPLE_REPLY);
  const std::size_t ip = question.begin(CTA_TUPLE_IP);
  const std::uint32_t source = htonl(address.as_v4());
  question.add(CTA_IP_V4_SRC, &source, sizeof source);
  question.end(ip);
  question.end(tuple);
  const std::size_t filter = question.begin(CTA_FILTER);
  const std::uint32_t none = 0;
  question.add(CTA_FILTER_ORIG_FLAGS, &none, sizeof none);
  question.add(CTA_FILTER_REPLY_FLAGS, &kFilterSource, sizeof kFilterSource);
  question.end(filter);
  return question;
}

bool ask(const base::UniqueFd& fd, NetlinkMessage& question) {
  const std::string_view bytes = question.bytes();
  return send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0;
}

// Calls `found` for each message until `found` says that it was the last.
base::Result<void> read_answers(const base::UniqueFd& fd,
                                const std::function<bool(int, std::string_view)>& found) {
  std::string buffer(65536, '\0');
  for (bool more = true; more;) {
    pollfd entry{fd.get(), POLLIN, 0};
    if (poll(&entry, 1, kAnswerPatienceMs) <= 0) return base::errno_error(ETIMEDOUT, kWhat);
    const ssize_t count = recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (count < 0) return base::errno_error(kWhat);
    int error = 0;
    each_message({buffer.data(), static_cast<std::size_t>(count)},
                 [&](int type, std::string_view body) {
                   if (type == NLMSG_ERROR && body.size() >= sizeof error) {
                     std::memcpy(&error, body.data(), sizeof error);
                   }
                   more = more && found(type, body);
                 });
    if (error != 0) return base::errno_error(-error, kWhat);
  }
  return {};
}

}  // namespace

base::Result<std::size_t> forget_connections(const base::IpAddress& address) {
  const base::UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (!fd) return base::errno_error(kWhat);
  NetlinkMessage question = listing(address);
  if (!ask(fd, question)) return base::errno_error(kWhat);
  std::vector<Flow> flows;
  const auto listed = read_answers(fd, [&](int type, std::string_view body) {
    if (type == NLMSG_DONE || type == NLMSG_ERROR) return false;
    if (body.size() < sizeof(nfgenmsg)) return true;
    Flow flow;
    each_attribute(body.substr(NLMSG_ALIGN(sizeof(nfgenmsg))),
                   [&](int attribute, std::string_view value) {
                     if (attribute == CTA_TUPLE_ORIG) flow.tuple = value;
                     if (attribute == CTA_ID) flow.number = value;
                   });
    if (goes_to_loopback(flow.tuple)) flows.push_back(std::move(flow));
    return true;
  });
  if (!listed) return listed.error();
  std::size_t forgotten = 0;
  for (const Flow& flow : flows) {
    NetlinkMessage order(type_of(IPCTNL_MSG_CT_DELETE), NLM_F_ACK, kAboutV4);
    order.add(CTA_TUPLE_ORIG | NLA_F_NESTED, flow.tuple.data(), flow.tuple.size());
    order.add(CTA_ID, flow.number.data(), flow.number.size());
    if (!ask(fd, order)) return base::errno_error(kWhat);
    // Some have ended by themselves in the meantime.
    if (read_answers(fd, [](int, std::string_view) { return false; })) ++forgotten;
  }
  return forgotten;
}

}  // namespace fairlead::relay
