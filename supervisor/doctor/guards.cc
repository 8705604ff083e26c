#include "supervisor/doctor/guards.h"

#include <unistd.h>

namespace fairlead::doctor {
namespace {

bool lives(const relay::GuardLedger::Owner& owner, const relay::Guard::State& state) {
  return state.tables.contains(owner.table);
}

Finding judge(const std::string& name, const relay::GuardLedger::Bridge& bridge,
              const relay::Guard::State& state) {
  Finding finding{"state", "guard of " + name, Status::kOk, "", ""};
  std::string living, dead;
  for (const auto& owner : bridge.owners) {
    std::string& list = lives(owner, state) ? living : dead;
    list += (list.empty() ? "" : ", ") + std::to_string(owner.pid);
  }
  if (!living.empty()) {
    finding.words = "route_localnet is raised and guarded, for process " + living;
    return finding;
  }
  finding.status = Status::kBroken;
  finding.words = "route_localnet is guarded, but nobody wants it raised any more";
  if (!dead.empty()) finding.words += " (process " + dead + " was killed)";
  finding.fix = "sudo fairlead doctor --repair";
  return finding;
}

}  // namespace

GuardFacts read_guards() {
  GuardFacts facts;
  if (geteuid() != 0) return facts;  // nftables tells nobody else
  auto nft = relay::NftContext::create();
  if (!nft) return facts;  // whoever has none has made no guard
  const auto state = relay::Guard::look(*nft);
  if (state) {
    facts.state = *state;
  } else {
    facts.trouble = state.error().message();
  }
  return facts;
}

Findings judge_guards(const GuardFacts& facts) {
  Findings findings;
  if (!facts.trouble.empty()) {
    findings.push_back({"state", "guards", Status::kUnknown, facts.trouble, ""});
  }
  for (const auto& [name, bridge] : facts.state.ledger.bridges) {
    findings.push_back(judge(name, bridge, facts.state));
  }
  return findings;
}

std::vector<std::string> repair_guards(const GuardFacts& facts) {
  if (facts.state.ledger.bridges.empty()) return {};
  auto nft = relay::NftContext::create();
  if (!nft) return {};
  const auto settled = relay::Guard::settle(*nft);
  if (!settled) return {settled.error().message()};
  return *settled;
}

}  // namespace fairlead::doctor
