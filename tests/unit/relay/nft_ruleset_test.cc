#include "relay/nat/nft_ruleset.h"

#include <gtest/gtest.h>

#include <set>

namespace fairlead::relay {
namespace {

const KernelTable::Key kPort{{base::IpAddress::loopback4(), 3000}, KernelTable::Protocol::kTcp};

TEST(NftRuleset, SaysEntries) {
  const base::Endpoint target{*base::IpAddress::parse("172.17.0.2"), 8000};
  EXPECT_EQ(add_entry("t", kPort, target),
            "add element ip t targets { 127.0.0.1 . 6 . 3000 : 172.17.0.2 . 8000 }\n");
  KernelTable::Key datagrams = kPort;
  datagrams.protocol = KernelTable::Protocol::kUdp;
  EXPECT_EQ(delete_entry("t", datagrams),
            "delete element ip t targets { 127.0.0.1 . 17 . 3000 }\n");
}

TEST(NftRuleset, GuardsTheBridgeItIsFor) {
  const std::string text = owner_table("t", "br1", 7, {32768, 60999});
  for (const char* words : {"flags owner", "size 7", "iifname \"br1\" ip daddr 127.0.0.0/8 drop",
                            "iifname \"br1\" ip saddr 127.0.0.0/8 drop",
                            "iifname \"br1\" ip daddr 127.0.0.0/8 ct direction original drop",
                            "tcp sport 33792-60999 masquerade to :tcp sport ^ 0x8000\n"}) {
    EXPECT_NE(text.find(words), std::string::npos) << words;
  }
}

TEST(NftRuleset, TranslatedConnectionsHavePortsOfTheirOwn) {
  EXPECT_NE(source_ports({32768, 60999}, ""), "");
  EXPECT_NE(source_ports({40000, 50000}, ""), "");
  EXPECT_EQ(source_ports({1024, 60999}, ""), "");
  EXPECT_EQ(source_ports({32768, 65535}, ""), "");
  EXPECT_EQ(source_ports({}, ""), "");
  std::set<int> taken;
  for (int port = 32768; port <= 60999; ++port) {
    const int own = port ^ (port < 33792 ? 0x7800 : 0x8000);
    EXPECT_TRUE(taken.insert(own).second && own >= 1024 && (own < 32768 || own > 60999)) << port;
  }
}

TEST(NftRuleset, ReadsCounters) {
  const auto counters = read_counters(R"(table ip t {
	map targets {
		type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
		size 16384
		counter
		elements = { 127.0.0.1 . 6 . 3000 counter packets 2 bytes 120 : 172.17.0.2 . 8000,
			     127.64.1.2 . 17 . 9 counter packets 18446744073709551615 bytes 0 : 172.17.0.2 . 9 }
	}
}
)");
  ASSERT_EQ(counters.size(), 2U);
  EXPECT_EQ(counters.at(words_of(kPort)), 2U);
  EXPECT_EQ(counters.at("127.64.1.2 . 17 . 9"), 18446744073709551615U);
  EXPECT_TRUE(read_counters("table ip t {\n\tmap targets {\n\t\tcounter\n\t}\n}\n").empty());
  for (const char* cut : {"", "elements = {", "elements = { a . b . c counter",
                          "elements = { a . b . c counter packets"}) {
    EXPECT_LE(read_counters(cut).size(), 1U) << cut;
  }
}

TEST(NftRuleset, ReadsTheNamesOfTables) {
  EXPECT_EQ(read_tables("table ip nat\ntable inet other\ntable ip fairlead-a\n"),
            (std::set<std::string>{"nat", "fairlead-a"}));
  EXPECT_TRUE(read_tables("").empty());
  EXPECT_TRUE(read_tables("table").empty());
}

}  // namespace
}  // namespace fairlead::relay
