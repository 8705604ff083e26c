#include "relay/nat/conntrack.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <string>
#include <vector>

#include "relay/nat/netlink_socket.h"

namespace fairlead::relay {
namespace {

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
  TranslatedConnection ends;
};

template <class Number>
void copy_number(std::string_view value, Number& number) {
  if (value.size() == sizeof number) std::memcpy(&number, value.data(), sizeof number);
}

// Of an original tuple: client and server as the client knows them.
TranslatedConnection read_ends(std::string_view tuple) {
  std::uint32_t source = 0, destination = 0;
  std::uint16_t source_port = 0, destination_port = 0;
  TranslatedConnection ends;
  each_attribute(tuple, [&](int type, std::string_view part) {
    each_attribute(part, [&](int inner, std::string_view value) {
      if (type == CTA_TUPLE_IP && inner == CTA_IP_V4_SRC) copy_number(value, source);
      if (type == CTA_TUPLE_IP && inner == CTA_IP_V4_DST) copy_number(value, destination);
      if (type != CTA_TUPLE_PROTO) return;
      if (inner == CTA_PROTO_NUM && value == std::string_view("\x06", 1)) {
        ends.protocol = KernelTable::Protocol::kTcp;
      }
      if (inner == CTA_PROTO_SRC_PORT) copy_number(value, source_port);
      if (inner == CTA_PROTO_DST_PORT) copy_number(value, destination_port);
    });
  });
  ends.client = {base::IpAddress::v4(ntohl(source)), ntohs(source_port)};
  ends.server = {base::IpAddress::v4(ntohl(destination)), ntohs(destination_port)};
  return ends;
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

}  // namespace

base::Result<std::vector<TranslatedConnection>> forget_connections(
    const base::IpAddress& address, const std::function<bool(const TranslatedConnection&)>& ours) {
  const auto netlink = NetlinkSocket::open(NETLINK_NETFILTER, "forget translated connections");
  if (!netlink) return netlink.error();
  NetlinkMessage question = listing(address);
  std::vector<Flow> flows;
  const auto listed = netlink->ask(question, [&](int, std::string_view body) {
    if (body.size() < sizeof(nfgenmsg)) return true;
    Flow flow;
    each_attribute(body.substr(NLMSG_ALIGN(sizeof(nfgenmsg))),
                   [&](int attribute, std::string_view value) {
                     if (attribute == CTA_TUPLE_ORIG) flow.tuple = value;
                     if (attribute == CTA_ID) flow.number = value;
                   });
    flow.ends = read_ends(flow.tuple);
    if (ours(flow.ends)) flows.push_back(std::move(flow));
    return true;
  });
  if (!listed) return listed.error();
  std::vector<TranslatedConnection> forgotten;
  for (const Flow& flow : flows) {
    NetlinkMessage order(type_of(IPCTNL_MSG_CT_DELETE), NLM_F_ACK, kAboutV4);
    order.add(CTA_TUPLE_ORIG | NLA_F_NESTED, flow.tuple.data(), flow.tuple.size());
    order.add(CTA_ID, flow.number.data(), flow.number.size());
    // Some have ended by themselves in the meantime.
    if (netlink->tell(order)) forgotten.push_back(flow.ends);
  }
  return forgotten;
}

}  // namespace fairlead::relay
