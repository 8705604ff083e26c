// Whose address it is, from what procfs prints.
#include "target/interface_addresses.h"

#include <gtest/gtest.h>

namespace fairlead::target {
namespace {

constexpr std::string_view kTrie =
    "Main:\n"
    "  +-- 0.0.0.0/0 3 0 4\n"
    "     |-- 0.0.0.0\n"
    "        /0 universe UNICAST\n"
    "     +-- 127.0.0.0/8 2 0 2\n"
    "           |-- 127.0.0.1\n"
    "              /32 host LOCAL\n"
    "     +-- 172.17.0.0/30 2 0 2\n"
    "        |-- 172.17.0.0\n"
    "           /16 link UNICAST\n"
    "        |-- 172.17.0.2\n"
    "           /32 host LOCAL\n"
    "     |-- 172.17.255.255\n"
    "        /32 link BROADCAST\n"
    "     |-- 10.0.0.1\n"
    "        /24 link UNICAST\n"
    "        /32 host LOCAL\n";

bool trie_has(const char* address) { return fib_trie_has(kTrie, *base::IpAddress::parse(address)); }

TEST(FibTrie, KnowsLocalAddressesFromOthers) {
  EXPECT_TRUE(trie_has("172.17.0.2"));
  EXPECT_TRUE(trie_has("127.0.0.1"));
  EXPECT_TRUE(trie_has("10.0.0.1")) << "the second line of a leaf counts, too";
  EXPECT_FALSE(trie_has("172.17.0.0"));
  EXPECT_FALSE(trie_has("172.17.255.255"));
  EXPECT_FALSE(trie_has("172.17.0.1"));
  EXPECT_FALSE(trie_has("7.0.0.1")) << "the end of another address";
  EXPECT_FALSE(trie_has("2.17.0.2"));
}

TEST(FibTrie, IsNotMisledByAnythingCutOff) {
  const base::IpAddress address = *base::IpAddress::parse("172.17.0.2");
  for (std::size_t size = 0; size < kTrie.size(); ++size) {
    const std::string_view part = kTrie.substr(0, size);
    const bool complete = part.find("172.17.0.2\n           /32 host LOCAL") != part.npos;
    EXPECT_EQ(fib_trie_has(part, address), complete) << size;
  }
}

TEST(IfInet6, ComparesWholeAddresses) {
  constexpr std::string_view kTable =
      "00000000000000000000000000000001 01 80 10 80       lo\n"
      "fd000000000000000000000000000002 0b 40 00 80     eth0\n";
  EXPECT_TRUE(if_inet6_has(kTable, *base::IpAddress::parse("fd00::2")));
  EXPECT_TRUE(if_inet6_has(kTable, base::IpAddress::loopback6()));
  EXPECT_FALSE(if_inet6_has(kTable, *base::IpAddress::parse("fd00::20")));
  EXPECT_FALSE(if_inet6_has("", *base::IpAddress::parse("fd00::2")));
  EXPECT_FALSE(
      if_inet6_has("fd000000000000000000000000000002", *base::IpAddress::parse("fd00::2")));
}

}  // namespace
}  // namespace fairlead::target
