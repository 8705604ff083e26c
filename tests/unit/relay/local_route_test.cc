// What the kernel answers about routes and interfaces, whole and damaged.
#include "relay/nat/local_route.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "relay/nat/netlink.h"

namespace fairlead::relay {
namespace {

template <class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string attribute(int type, const std::string& value) {
  const rtattr head{static_cast<std::uint16_t>(RTA_LENGTH(value.size())),
                    static_cast<std::uint16_t>(type)};
  std::string text = bytes_of(head) + value;
  text.resize(RTA_ALIGN(text.size()));
  return text;
}

std::string message(int type, const std::string& body) {
  nlmsghdr head{};
  head.nlmsg_type = static_cast<std::uint16_t>(type);
  head.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(body.size()));
  return bytes_of(head) + body;
}

std::string route(int kind, const std::string& attributes) {
  rtmsg head{};
  head.rtm_type = static_cast<std::uint8_t>(kind);
  return message(RTM_NEWROUTE, bytes_of(head) + attributes);
}

std::string link(const std::string& attributes) {
  return message(RTM_NEWLINK, bytes_of(ifinfomsg{}) + attributes);
}

const std::string kInterface = attribute(RTA_OIF, bytes_of(7));

TEST(LocalRoute, OneWithoutAGatewayIsDirect) {
  const auto answer = read_route(route(RTN_UNICAST, kInterface));
  ASSERT_TRUE(answer) << answer.error().message();
  EXPECT_EQ(answer->interface, 7);
  EXPECT_TRUE(answer->direct);
}

TEST(LocalRoute, GatewaysTunnelsAndWhatIsNoRouteToAHostAreNot) {
  const std::string gateway = attribute(RTA_GATEWAY, bytes_of(std::uint32_t{1}));
  EXPECT_FALSE(read_route(route(RTN_UNICAST, kInterface + gateway))->direct);
  EXPECT_FALSE(read_route(route(RTN_UNICAST, attribute(RTA_VIA, "12345678") + kInterface))->direct);
  EXPECT_FALSE(read_route(route(RTN_LOCAL, kInterface))->direct);
}

TEST(LocalRoute, InterfacesHaveANameAndAKind) {
  const std::string kind = attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, "bridge"));
  const std::string name = attribute(IFLA_IFNAME, std::string("docker0\0", 8));
  EXPECT_EQ(read_link(link(name + kind))->name, "docker0");
  EXPECT_EQ(read_link(link(name + kind))->kind, "bridge");
  EXPECT_EQ(read_link(link(name))->kind, "");
}

TEST(LocalRoute, ARefusalIsItsError) {
  const std::string refused = message(NLMSG_ERROR, bytes_of(-ENETUNREACH) + bytes_of(nlmsghdr{}));
  EXPECT_EQ(read_route(refused).error().code.value(), ENETUNREACH);
  EXPECT_EQ(read_link(refused).error().code.value(), ENETUNREACH);
}

TEST(LocalRoute, WhatIsCutOffAnywhereIsAnErrorOrSaysLess) {
  const std::string whole = route(RTN_UNICAST, kInterface);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read_route(whole.substr(0, size))) << size;
  }
  std::string shortened = whole;
  for (std::uint32_t length = 0; length < whole.size(); ++length) {
    std::memcpy(shortened.data(), &length, sizeof length);
    const auto answer = read_route(shortened);
    EXPECT_EQ(answer ? answer->interface : 0, 0) << length;
  }
}

TEST(LocalRoute, AttributesThatLieAboutTheirLengthEndTheReading) {
  for (const int wrong : {0, 1, 3, 9, 200, 65535}) {
    const auto length = static_cast<std::uint16_t>(wrong);
    std::string bad = kInterface;
    std::memcpy(bad.data(), &length, sizeof length);
    const auto answer = read_route(route(RTN_UNICAST, bad + kInterface));
    ASSERT_TRUE(answer) << length;
    EXPECT_EQ(answer->interface, 0) << length;
  }
}

std::string announcement(std::uint16_t type, std::uint16_t kind, const char* address) {
  const ifaddrmsg header{AF_INET, 24, 0, 0, 2};
  NetlinkMessage whole(type, 0, header);
  const std::uint32_t bytes = htonl(base::IpAddress::parse(address)->as_v4());
  whole.add(kind, &bytes, sizeof bytes);
  return std::string(whole.bytes());
}

TEST(LocalRoute, ReadsAddressesOfInterfaces) {
  const std::string whole = announcement(RTM_NEWADDR, IFA_LOCAL, "172.17.0.2");
  const auto one = read_address(std::string_view(whole).substr(NLMSG_HDRLEN));
  ASSERT_TRUE(one);
  EXPECT_EQ(one->interface, 2U);
  EXPECT_EQ(one->address.to_string(), "172.17.0.2");
  const std::string other = announcement(RTM_NEWADDR, IFA_LABEL, "172.17.0.2");
  EXPECT_FALSE(read_address(std::string_view(other).substr(NLMSG_HDRLEN)));
  for (std::size_t length = 0; length < sizeof(ifaddrmsg); ++length) {
    EXPECT_FALSE(read_address(std::string_view(whole).substr(NLMSG_HDRLEN, length))) << length;
  }
}

TEST(LocalRoute, KnowsWhenAnAddressIsTakenAway) {
  const base::IpAddress ours = *base::IpAddress::parse("172.17.0.2");
  EXPECT_TRUE(takes_away(announcement(RTM_DELADDR, IFA_LOCAL, "172.17.0.2"), ours));
  EXPECT_TRUE(takes_away(announcement(RTM_NEWADDR, IFA_LOCAL, "172.17.0.2") +
                             announcement(RTM_DELADDR, IFA_ADDRESS, "172.17.0.2"),
                         ours));
  EXPECT_FALSE(takes_away(announcement(RTM_NEWADDR, IFA_LOCAL, "172.17.0.2"), ours));
  EXPECT_FALSE(takes_away(announcement(RTM_DELADDR, IFA_LOCAL, "172.17.0.3"), ours));
  const std::string whole = announcement(RTM_DELADDR, IFA_LOCAL, "172.17.0.2");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(takes_away(whole.substr(0, length), ours)) << length;
  }
}

}  // namespace
}  // namespace fairlead::relay
