#include "supervisor/doctor/state.h"

namespace fairlead::doctor {
namespace {

constexpr const char* kStateGroup = "state";
constexpr const char* kRepair = "fairlead doctor --repair";
constexpr std::uint64_t kLittleSpace = 1U << 20;

std::string called(const std::string& name, const std::string& id) {
  return name.empty() ? id : name;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Finding directory(const StateFacts& facts) {
  Finding finding{kStateGroup, "directory", Status::kOk, facts.path, ""};
  if (!facts.trouble.empty()) {
    finding.status = Status::kBroken;
    finding.words = facts.trouble;
    return finding;
  }
  if (!facts.exists) {
    finding.words += " is not there yet; the first supervisor makes it";
    if (facts.creatable) return finding;
    finding.status = Status::kBroken;
    finding.words = facts.path + " is not there and cannot be made: its parent is not writable";
    finding.fix = "export FAIRLEAD_STATE_DIR=DIRECTORY";
    return finding;
  }
  finding.words += ", " + std::to_string(facts.free_bytes >> 20) + " MiB free";
  if (!facts.read_only && facts.free_bytes >= kLittleSpace) return finding;
  finding.status = Status::kBroken;
  finding.words +=
      facts.read_only ? ", but the file system is read-only" : ": host ports cannot be remembered";
  return finding;
}

Finding registry(const StateFacts& facts) {
  Finding finding{kStateGroup, "registry", Status::kOk,
                  std::to_string(facts.leases) + " host ports leased", ""};
  const auto broken = [&](const std::string& words, const std::string& fix) {
    finding.status = Status::kBroken;
    finding.words = words;
    finding.fix = fix;
    return finding;
  };
  if (!facts.lock_trouble.empty()) return broken(facts.lock_trouble, "");
  if (!facts.registry_trouble.empty()) return broken(facts.registry_trouble, "");
  if (facts.registry_newer) {
    return broken("written by a newer fairlead: host ports are chosen by binding alone", "");
  }
  if (facts.registry_corrupt) {
    return broken("corrupt; it will be set aside and a new one begun", kRepair);
  }
  if (facts.dead_leases > 0) {
    return broken(std::to_string(facts.dead_leases) + " of " + std::to_string(facts.leases) +
                      " leases belong to dead supervisors",
                  kRepair);
  }
  return finding;
}

Finding running(const RunningSupervisor& one) {
  Finding finding{kStateGroup, "supervisor " + called(one.name, one.id), Status::kOk,
                  "process " + std::to_string(one.pid) + " runs and answers", ""};
  if (one.answers) return finding;
  finding.status = Status::kBroken;
  finding.words = "process " + std::to_string(one.pid) + " runs, but does not answer";
  finding.fix = "fairlead forward --stop " + shell_word(called(one.name, one.id));
  return finding;
}

Finding left(const Remains& one) {
  Finding finding{kStateGroup, "supervisor " + called(one.name, one.id), Status::kBroken, "",
                  kRepair};
  if (one.command_lives) {
    finding.words = "was killed (process " + std::to_string(one.pid) +
                    "); its run goes on without forwarded ports";
    finding.fix = "fairlead forward " + shell_word(called(one.name, one.id));
    return finding;
  }
  finding.words = (one.pid > 0 ? "was killed (process " + std::to_string(one.pid) + "); left "
                               : std::string("nobody's: ")) +
                  joined(one.files);
  return finding;
}

}  // namespace

Findings judge_state(const StateFacts& facts) {
  Findings findings{directory(facts)};
  if (!facts.exists || !facts.trouble.empty()) return findings;
  findings.push_back(registry(facts));
  for (const RunningSupervisor& one : facts.running) findings.push_back(running(one));
  for (const Remains& one : facts.remains) findings.push_back(left(one));
  for (const std::string& name : facts.brief_locks) {
    findings.push_back({kStateGroup, "lock " + name, Status::kBroken, "held by nobody", kRepair});
  }
  for (const std::string& name : facts.temporary) {
    findings.push_back({kStateGroup, "file " + name, Status::kBroken,
                        "half-written by a process that died", kRepair});
  }
  for (const std::string& name : facts.set_aside) {
    findings.push_back({kStateGroup, "file " + name, Status::kBroken,
                        "a corrupt registry that was set aside; look at it, then remove it",
                        "rm " + shell_word(facts.path + "/" + name)});
  }
  return findings;
}

}  // namespace fairlead::doctor
