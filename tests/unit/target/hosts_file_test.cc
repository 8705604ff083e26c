// SPEC.md "Other hosts": what comes out of a container's files, and what may be asked for.
#include "target/hosts_file.h"

#include <gtest/gtest.h>

namespace fairlead::target {
namespace {

std::string shown(const std::vector<base::IpAddress>& addresses) {
  std::string text;
  for (const auto& address : addresses) text += address.to_string() + " ";
  return text;
}

TEST(HostsFile, FindsEveryAddressOfAName) {
  constexpr const char* kHosts =
      "127.0.0.1\tlocalhost\n"
      "::1 localhost ip6-localhost # the other one\n"
      "172.18.0.3   db  db.example\r\n"
      "# 10.0.0.1 db\n"
      "172.18.0.4 cache#db\n"
      "nonsense db\n"
      "172.18.0.3 db\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"db", "172.18.0.3 "},    {"DB", "172.18.0.3 "},           {"db.example", "172.18.0.3 "},
      {"cache", "172.18.0.4 "}, {"localhost", "127.0.0.1 ::1 "}, {"example", ""},
      {"172.18.0.3", ""}};
  for (const auto& [name, expected] : cases) {
    EXPECT_EQ(shown(addresses_in_hosts(kHosts, name)), expected) << name;
  }
}

TEST(HostsFile, IsBounded) {
  std::string hosts;
  for (int i = 0; i < 100; ++i) hosts += "10.0.0." + std::to_string(i) + " db\n";
  EXPECT_EQ(addresses_in_hosts(hosts, "db").size(), kMostAddresses);
  EXPECT_TRUE(addresses_in_hosts(std::string("\0\xff db\n", 6), "db").empty());
}

TEST(HostNames, AreWhatTheySayAndNothingElse) {
  for (const char* name : {"db", "my-db_1", "a.b.c", "db.", "A", "10"}) {
    EXPECT_TRUE(is_host_name(name)) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".db"), std::string("a..b"),
        std::string("a b"), std::string("a/b"), std::string("$(x)"), std::string("b\xc3\xa4"),
        std::string(64, 'a'), std::string(254, 'a')}) {
    EXPECT_FALSE(is_host_name(name)) << name;
  }
}

TEST(ResolverSettings, TakesServersSearchAndDots) {
  const auto settings = parse_resolver_settings(
      "# written by an engine\n"
      "nameserver 127.0.0.11\n"
      "nameserver garbage\n"
      "nameserver fd00::1\n"
      "search example.com bad/domain corp.example\n"
      "options edns0 trust-ad ndots:2\n");
  EXPECT_EQ(shown(settings.servers), "127.0.0.11 fd00::1 ");
  EXPECT_EQ(settings.search, (std::vector<std::string>{"example.com", "corp.example"}));
  EXPECT_EQ(settings.ndots, 2U);
}

TEST(ResolverSettings, AreBounded) {
  std::string text = "options ndots:99999999999 ndots:x ndots:77\nsearch";
  for (int i = 0; i < 20; ++i) text += " d" + std::to_string(i);
  for (int i = 0; i < 20; ++i) text += "\nnameserver 10.0.0." + std::to_string(i);
  const auto settings = parse_resolver_settings(text);
  EXPECT_EQ(settings.servers.size(), kMostNameServers);
  EXPECT_EQ(settings.search.size(), kMostSearchDomains);
  EXPECT_EQ(settings.ndots, 15U);
}

TEST(NamesToAsk, FollowSearchListAndDots) {
  using Names = std::vector<std::string>;
  const ResolverSettings one{{}, {"a.example", "b.example"}, 1};
  EXPECT_EQ(names_to_ask("db", one), (Names{"db.a.example", "db.b.example", "db"}));
  EXPECT_EQ(names_to_ask("db.x", one), (Names{"db.x", "db.x.a.example", "db.x.b.example"}));
  EXPECT_EQ(names_to_ask("db.", one), Names{"db."});
  const ResolverSettings none{{}, {"a.example"}, 0};
  EXPECT_EQ(names_to_ask("db", none), (Names{"db", "db.a.example"}));
}

}  // namespace
}  // namespace fairlead::target
