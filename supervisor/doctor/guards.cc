#include "supervisor/doctor/guards.h"

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

relay::Guard::State read_guards() {
  auto nft = relay::NftContext::create();
  if (!nft) return {};
  const auto state = relay::Guard::look(*nft);
  return state ? *state : relay::Guard::State{};
}

Findings judge_guards(const relay::Guard::State& state) {
  Findings findings;
  for (const auto& [name, bridge] : state.ledger.bridges) {
    findings.push_back(judge(name, bridge, state));
  }
  return findings;
}

std::vector<std::string> repair_guards(const relay::Guard::State& state) {
  if (state.ledger.bridges.empty()) return {};
  auto nft = relay::NftContext::create();
  if (!nft) return {};
  const auto settled = relay::Guard::settle(*nft);
  if (!settled) return {settled.error().message()};
  return *settled;
}

}  // namespace fairlead::doctor
