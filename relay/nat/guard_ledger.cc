#include "relay/nat/guard_ledger.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <nlohmann/json.hpp>

namespace fairlead::relay {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPid = " pid ";
constexpr std::size_t kLongestName = 64;
const std::set<std::string> kWholeGuard{"input daddr", "prerouting daddr", "prerouting saddr"};

// "TABLE pid PID".
bool parse_owner(std::string_view words, GuardLedger::Owner& owner) {
  const std::size_t split = words.find(kPid);
  if (split == 0 || split == std::string_view::npos || split > kLongestName) return false;
  const std::string_view number = words.substr(split + kPid.size());
  owner.table = std::string(words.substr(0, split));
  const auto [end, failure] =
      std::from_chars(number.data(), number.data() + number.size(), owner.pid);
  return failure == std::errc{} && end == number.data() + number.size() && can_be_said(owner.table);
}

// What a rule compares: "iifname" or "ip daddr" and the like, and with what.
struct Comparison {
  std::string left;
  Json right;
};
Comparison read_comparison(const Json& expression) {
  Comparison comparison;
  const auto match = expression.find("match");
  if (match == expression.end() || !match->is_object()) return comparison;
  const Json left = match->value("left", Json());
  comparison.right = match->value("right", Json());
  if (left.is_object() && left.contains("meta")) {
    comparison.left = left["meta"].value("key", "");
  } else if (left.is_object() && left.contains("payload")) {
    comparison.left = left["payload"].value("field", "");
  }
  return comparison;
}

struct Rule {
  std::string chain, bridge, comment;
  std::string dropped;  // chain and "daddr" or "saddr", if it drops all of 127/8
};
Rule read_rule(const Json& json) {
  Rule rule{json.value("chain", ""), "", json.value("comment", ""), ""};
  const Json loopback = {{"prefix", {{"addr", "127.0.0.0"}, {"len", 8}}}};
  std::string side;
  bool drops = false;
  for (const Json& expression : json.value("expr", Json::array())) {
    if (!expression.is_object()) continue;
    const Comparison compared = read_comparison(expression);
    if (compared.left == "iifname" && compared.right.is_string()) rule.bridge = compared.right;
    if (compared.right == loopback) side = compared.left;
    drops = drops || expression.contains("drop");
  }
  if (drops && !side.empty()) rule.dropped = rule.chain + " " + side;
  return rule;
}

}  // namespace

bool can_be_said(std::string_view interface) {
  return !interface.empty() && interface.size() < kLongestName &&
         std::all_of(interface.begin(), interface.end(), [](char letter) {
           return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                  (letter >= '0' && letter <= '9') || letter == '.' || letter == '-' ||
                  letter == '_' || letter == '@';
         });
}

bool GuardLedger::has(const std::string& bridge, const std::string& owner) const {
  const auto at = bridges.find(bridge);
  return at != bridges.end() && at->second.guarded &&
         std::any_of(at->second.owners.begin(), at->second.owners.end(),
                     [&](const Owner& one) { return one.table == owner; });
}

void GuardLedger::enter(const std::string& bridge, const Owner& owner) {
  auto& owners = bridges[bridge].owners;
  if (std::find(owners.begin(), owners.end(), owner) == owners.end()) owners.push_back(owner);
}

void GuardLedger::leave(const std::string& bridge, const std::string& owner) {
  const auto at = bridges.find(bridge);
  if (at == bridges.end()) return;
  std::erase_if(at->second.owners, [&](const Owner& one) { return one.table == owner; });
}

void GuardLedger::prune(const std::set<std::string>& tables) {
  for (auto& [name, bridge] : bridges) {
    std::erase_if(bridge.owners, [&](const Owner& one) { return !tables.contains(one.table); });
  }
}

std::set<std::string> GuardLedger::take_idle() {
  std::set<std::string> idle;
  for (const auto& [name, bridge] : bridges) {
    if (bridge.owners.empty()) idle.insert(name);
  }
  for (const std::string& name : idle) bridges.erase(name);
  return idle;
}

base::Result<GuardLedger> parse_guard(const std::string& json) {
  const Json whole = Json::parse(json, nullptr, false);
  if (!whole.is_object() || !whole.contains("nftables") || !whole["nftables"].is_array()) {
    return base::errno_error(EBADMSG, "read the table of the guard");
  }
  std::map<std::string, std::set<std::string>> dropped;
  GuardLedger ledger;
  try {
    std::vector<Rule> rules;
    for (const Json& object : whole["nftables"]) {
      if (object.is_object() && object.contains("rule")) rules.push_back(read_rule(object["rule"]));
    }
    for (const Rule& rule : rules) {
      if (rule.bridge.empty()) continue;
      GuardLedger::Bridge& bridge = ledger.bridges[rule.bridge];
      dropped[rule.bridge].insert(rule.dropped);
      GuardLedger::Owner owner;
      if (rule.chain == "owners" && parse_owner(rule.comment, owner)) {
        bridge.owners.push_back(owner);
      }
    }
    for (auto& [name, bridge] : ledger.bridges) {
      bridge.guarded = std::includes(dropped[name].begin(), dropped[name].end(),
                                     kWholeGuard.begin(), kWholeGuard.end());
    }
  } catch (const Json::exception&) {
    return base::errno_error(EBADMSG, "read the table of the guard");
  }
  return ledger;
}

std::string guard_chains(const std::set<std::string>& bridges) {
  std::string before, after;
  for (const std::string& bridge : bridges) {
    const std::string from = "    iifname \"" + bridge + "\" ip ";
    before += from + "daddr 127.0.0.0/8 drop\n" + from + "saddr 127.0.0.0/8 drop\n";
    // Answers to what this host has sent come that way, too.
    after += from + "daddr 127.0.0.0/8 ct direction original drop\n";
  }
  return "  chain prerouting {\n    type filter hook prerouting priority -300; policy accept;\n" +
         before + "  }\n  chain input {\n    type filter hook input priority 0; policy accept;\n" +
         after + "  }\n";
}

std::string render_guard(const GuardLedger& ledger) {
  const std::string name = std::string("table ip ") + GuardLedger::kTable;
  // To add it first makes it certain that there is one to delete.
  std::string text = "add " + name + "\ndelete " + name + "\n";
  if (ledger.bridges.empty()) return text;
  std::set<std::string> guarded;
  std::string owners;
  for (const auto& [bridge, entry] : ledger.bridges) {
    guarded.insert(bridge);
    for (const GuardLedger::Owner& owner : entry.owners) {
      owners += "    iifname \"" + bridge + "\" comment \"" + owner.table + std::string(kPid) +
                std::to_string(owner.pid) + "\"\n";
    }
  }
  return text + name + " {\n" + guard_chains(guarded) + "  chain owners {\n" + owners + "  }\n}\n";
}

}  // namespace fairlead::relay
