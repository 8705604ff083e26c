#include "base/endpoint.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

namespace fairlead::base {
namespace {

using namespace std::string_view_literals;

TEST(IpAddress, WritesWhatItParsesInOneForm) {
  const std::pair<const char*, const char*> cases[] = {
      {"0.0.0.0", "0.0.0.0"},
      {"127.0.0.1", "127.0.0.1"},
      {"255.255.255.255", "255.255.255.255"},
      {"192.0.2.17", "192.0.2.17"},
      {"::", "::"},
      {"::1", "::1"},
      {"0:0:0:0:0:0:0:1", "::1"},
      {"2001:DB8::00ff", "2001:db8::ff"},
      {"::ffff:127.0.0.1", "127.0.0.1"},
      {"::ffff:0:0", "0.0.0.0"},
      {"::ffff:c000:0211", "192.0.2.17"},
  };
  for (const auto& [text, shown] : cases) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->to_string(), shown);
  }
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (const auto text :
       {""sv, " "sv, "localhost"sv, "127.0.0"sv, "127.0.0.1 "sv, " 127.0.0.1"sv, "127.0.0.256"sv,
        "1.2.3.4.5"sv, "0x7f.0.0.1"sv, "127.0.0.1:80"sv, "[::1]"sv, ":::"sv, "::1%lo"sv,
        "12345::"sv, "1:2:3:4:5:6:7:8:9"sv, "::1/128"sv}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(IpAddress, RefusesTextThatGoesOnBehindANul) {
  EXPECT_FALSE(IpAddress::parse("127.0.0.1\0.example"sv));
  EXPECT_FALSE(IpAddress::parse("::1\0x"sv));
  EXPECT_FALSE(IpAddress::parse("127.0.0.1\0"sv));
}

TEST(IpAddress, ParsesAViewThatHasNoTerminator) {
  const std::string_view text = "10.0.0.123456"sv.substr(0, 10);
  ASSERT_TRUE(IpAddress::parse(text));
  EXPECT_EQ(IpAddress::parse(text)->to_string(), "10.0.0.123");
}

TEST(IpAddress, MakesAMappedAddressTheIpv4AddressItMeans) {
  const std::array<std::uint8_t, 16> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  const IpAddress address = IpAddress::from_bytes(mapped);
  EXPECT_EQ(address.family(), Family::kIpv4);
  EXPECT_EQ(address, IpAddress::loopback4());
  EXPECT_EQ(address.bytes(), mapped);
  EXPECT_EQ(address.as_v4(), 0x7f000001U);
}

TEST(IpAddress, TakesNoOtherPrefixForAMappedOne) {
  std::array<std::uint8_t, 16> bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
  for (std::size_t i = 0; i < 12; ++i) {
    auto other = bytes;
    other[i] ^= 1;
    EXPECT_EQ(IpAddress::from_bytes(other).family(), Family::kIpv6) << i;
  }
  // "IPv4-compatible", long obsolete: an IPv6 address like any other.
  bytes[10] = bytes[11] = 0;
  EXPECT_EQ(IpAddress::from_bytes(bytes).family(), Family::kIpv6);
}

TEST(IpAddress, KnowsLoopbackAndWildcard) {
  struct Case {
    const char* text;
    bool loopback;
    bool wildcard;
  };
  const Case cases[] = {
      {"127.0.0.1", true, false},
      {"127.255.255.254", true, false},
      {"::1", true, false},
      {"::ffff:127.0.0.1", true, false},
      {"0.0.0.0", false, true},
      {"::", false, true},
      {"::ffff:0.0.0.0", false, true},
      {"128.0.0.1", false, false},
      {"126.255.255.255", false, false},
      {"0.0.0.1", false, false},
      {"::2", false, false},
      {"fe80::1", false, false},
      {"::7f00:1", false, false},
  };
  for (const Case& c : cases) {
    const auto address = IpAddress::parse(c.text);
    ASSERT_TRUE(address) << c.text;
    EXPECT_EQ(address->is_loopback(), c.loopback) << c.text;
    EXPECT_EQ(address->is_wildcard(), c.wildcard) << c.text;
  }
}

TEST(IpAddress, ANewOneIsTheIpv4Wildcard) {
  EXPECT_EQ(IpAddress(), IpAddress::any4());
  EXPECT_NE(IpAddress::any4(), IpAddress::any6());
  EXPECT_NE(IpAddress::loopback4(), IpAddress::loopback6());
}

TEST(IpAddress, SortsIpv4BeforeIpv6AndThenByValue) {
  const std::set<IpAddress> sorted{IpAddress::loopback6(), IpAddress::any6(),
                                   IpAddress::v4(0xffffffff), IpAddress::loopback4(),
                                   IpAddress::any4()};
  std::vector<std::string> shown;
  for (const IpAddress& address : sorted) shown.push_back(address.to_string());
  EXPECT_EQ(shown,
            (std::vector<std::string>{"0.0.0.0", "127.0.0.1", "255.255.255.255", "::", "::1"}));
}

TEST(Endpoint, PutsAnIpv6AddressIntoBrackets) {
  EXPECT_EQ((Endpoint{IpAddress::loopback4(), 3000}.to_string()), "127.0.0.1:3000");
  EXPECT_EQ((Endpoint{IpAddress::loopback6(), 3000}.to_string()), "[::1]:3000");
  EXPECT_EQ((Endpoint{IpAddress::any6(), 65535}.to_string()), "[::]:65535");
  EXPECT_EQ(Endpoint{}.to_string(), "0.0.0.0:0");
}

TEST(Endpoint, SurvivesTheWayThroughASocketAddress) {
  for (const char* text : {"0.0.0.0", "127.0.0.1", "192.0.2.17", "::", "::1", "2001:db8::ff"}) {
    for (const std::uint16_t port : std::initializer_list<std::uint16_t>{0, 1, 80, 3000, 65535}) {
      const Endpoint endpoint{*IpAddress::parse(text), port};
      for (const bool as_v6 : {false, true}) {
        const SocketAddress address = to_socket_address(endpoint, as_v6);
        EXPECT_EQ(from_socket_address(address.storage), endpoint) << endpoint.to_string();
      }
    }
  }
}

TEST(Endpoint, WritesNetworkOrderAndTheRightLength) {
  const SocketAddress v4 = to_socket_address({IpAddress::loopback4(), 0x0bb8});
  sockaddr_in in{};
  ASSERT_EQ(v4.length, sizeof in);
  std::memcpy(&in, &v4.storage, sizeof in);
  EXPECT_EQ(in.sin_family, AF_INET);
  EXPECT_EQ(in.sin_port, htons(3000));
  EXPECT_EQ(in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));

  const SocketAddress v6 = to_socket_address({IpAddress::loopback4(), 0x0bb8}, true);
  sockaddr_in6 in6{};
  ASSERT_EQ(v6.length, sizeof in6);
  std::memcpy(&in6, &v6.storage, sizeof in6);
  EXPECT_EQ(in6.sin6_family, AF_INET6);
  EXPECT_EQ(in6.sin6_port, htons(3000));
  EXPECT_TRUE(IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr));
  EXPECT_EQ(to_socket_address({IpAddress::loopback6(), 1}).storage.ss_family, AF_INET6);
}

TEST(Endpoint, HasNoFormForOtherFamilies) {
  sockaddr_storage storage{};
  for (const int family : {AF_UNSPEC, AF_UNIX, AF_NETLINK}) {
    storage.ss_family = static_cast<sa_family_t>(family);
    EXPECT_FALSE(from_socket_address(storage));
  }
}

}  // namespace
}  // namespace fairlead::base
