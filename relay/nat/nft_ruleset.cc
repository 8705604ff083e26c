#include "relay/nat/nft_ruleset.h"

#include <charconv>
#include <string_view>

#include "relay/nat/guard_ledger.h"

namespace fairlead::relay {
namespace {

constexpr const char* kMap = " targets";

std::string named(const char* verb, const std::string& table) {
  return std::string(verb) + " ip " + table;
}

std::string_view next_word(std::string_view& rest) {
  const std::size_t begin = rest.find_first_not_of(" \t\n,");
  if (begin == std::string_view::npos) return rest = {};
  const std::size_t end = std::min(rest.find_first_of(" \t\n,", begin), rest.size());
  const std::string_view word = rest.substr(begin, end - begin);
  rest.remove_prefix(end);
  return word;
}

}  // namespace

std::string source_ports(const PortRange& host_range, const std::string& which) {
  if (host_range.first < 32768 || host_range.last > 60999) return {};
  const std::string rule = "    " + which + " tcp sport ";
  return rule + "33792-60999 masquerade to :tcp sport ^ 0x8000\n" +  // 1024 to 28231
         rule + "32768-33791 masquerade to :tcp sport ^ 0x7800\n";   // 63488 to 64511
}

std::string owner_table(const std::string& table, const std::string& bridge, std::size_t most,
                        const PortRange& host_range) {
  const std::string which = "oifname \"" + bridge + "\" ct status dnat ip saddr 127.0.0.0/8";
  return "table ip " + table +
         " {\n"
         "  flags owner\n"
         "  map targets {\n"
         "    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service\n"
         "    size " +
         std::to_string(most) +
         "\n"
         "    counter\n"
         "  }\n"
         "  ct timeout soon {\n"
         "    protocol tcp\n"
         "    l3proto ip\n"
         "    policy = { time_wait : 1, close : 1, last_ack : 5, fin_wait : 10 }\n"
         "  }\n" +
         guard_chains({bridge}) +
         "  chain output {\n"
         "    type nat hook output priority -100; policy accept;\n"
         "    ip daddr 127.0.0.0/8 tcp flags & (fin | syn | rst | ack) == syn"
         " dnat ip to ip daddr . ip protocol . th dport map @targets\n"
         "    ip daddr 127.0.0.0/8 ip protocol udp"
         " dnat ip to ip daddr . ip protocol . th dport map @targets\n"
         "  }\n"
         "  chain timeouts {\n"
         "    type filter hook postrouting priority 99; policy accept;\n"
         "    oifname \"" +
         bridge +
         "\" ip saddr 127.0.0.0/8 ip protocol tcp ct timeout set \"soon\"\n"
         "  }\n"
         "  chain postrouting {\n"
         "    type nat hook postrouting priority 100; policy accept;\n" +
         source_ports(host_range, which) + "    " + which + " masquerade\n" +
         "  }\n"
         "}\n";
}

std::string words_of(const KernelTable::Key& key) {
  return key.endpoint.address.to_string() +
         (key.protocol == KernelTable::Protocol::kTcp ? " . 6 . " : " . 17 . ") +
         std::to_string(key.endpoint.port);
}

std::string add_entry(const std::string& table, const KernelTable::Key& key,
                      const base::Endpoint& target) {
  return named("add element", table) + kMap + " { " + words_of(key) + " : " +
         target.address.to_string() + " . " + std::to_string(target.port) + " }\n";
}

std::string delete_entry(const std::string& table, const KernelTable::Key& key) {
  return named("delete element", table) + kMap + " { " + words_of(key) + " }\n";
}

std::string flush_entries(const std::string& table) { return named("flush map", table) + kMap; }

std::string list_entries(const std::string& table) { return named("list map", table) + kMap; }

std::string delete_chains(const std::string& table) {
  std::string commands;
  for (const char* chain : {"output", "postrouting", "timeouts"}) {
    commands += "delete chain ip " + table + " " + chain + "\n";
  }
  return commands;
}

std::string delete_table(const std::string& table) { return named("delete table", table); }

// "… 127.0.0.1 . 6 . 3000 counter packets 2 bytes 120 : 172.17.0.2 . 8000, …"
std::map<std::string, std::uint64_t> read_counters(const std::string& answer) {
  std::map<std::string, std::uint64_t> counters;
  const std::size_t begin = answer.find("elements = {");
  if (begin == std::string::npos) return counters;
  std::string_view rest = std::string_view(answer).substr(begin);
  std::string_view before[5];
  for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
    if (word != "counter") {
      for (int i = 0; i < 4; ++i) before[i] = before[i + 1];
      before[4] = word;
      continue;
    }
    std::string key;
    for (const std::string_view part : before) {
      key += key.empty() ? "" : " ";
      key += part;
    }
    std::uint64_t count = 0;
    if (next_word(rest) != "packets") continue;
    const std::string_view number = next_word(rest);
    std::from_chars(number.data(), number.data() + number.size(), count);
    counters[key] = count;
  }
  return counters;
}

std::set<std::string> read_tables(const std::string& answer) {
  std::set<std::string> names;
  std::string_view rest = answer;
  for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
    if (word == "table" && next_word(rest) == "ip") names.emplace(next_word(rest));
  }
  return names;
}

}  // namespace fairlead::relay
