#include "supervisor/doctor/engines.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace fairlead::doctor {
namespace {

using engine::EngineFacts;
using engine::NativeFacts;

constexpr const char* kEngines = "engines";
constexpr const char* kRelays = "relays";

Finding not_reached(const EngineFacts& facts) {
  Finding finding{kEngines, facts.name, Status::kBroken, "", ""};
  const std::string place =
      facts.socket + (facts.chosen_by.empty() ? "" : " (from " + facts.chosen_by + ")");
  const int failure = facts.connect_error;
  if (facts.remote && !facts.command_found) {
    finding.words = "cannot be asked at " + place + " without its command \"" + facts.command +
                    "\", which is not to be found";
    if (facts.has_apt) finding.fix = "sudo apt-get install docker.io";
    return finding;
  }
  if (failure == EACCES || failure == EPERM) {
    finding.words = "no permission to use " + place;
    if (facts.group.empty()) {
      finding.fix = "sudo fairlead doctor";
    } else {
      finding.words += "; members of group " + facts.group + " have it, from their next login on";
      finding.fix = "sudo usermod -aG " + shell_word(facts.group) + " $USER";
    }
    return finding;
  }
  if (failure != ENOENT && failure != ECONNREFUSED) {
    finding.words = "cannot be asked at " + place + ": " + std::generic_category().message(failure);
    return finding;
  }
  if (!facts.command_found && facts.chosen_by.empty()) {
    finding.status = Status::kMissing;
    finding.words = "not installed; needed for containers, not for run";
    if (facts.has_apt) finding.fix = "sudo apt-get install docker.io";
    return finding;
  }
  finding.words = "not running: nothing answers at " + place;
  if (!facts.chosen_by.empty()) {
    finding.fix = "unset " + facts.chosen_by;
  } else {
    finding.fix = facts.has_systemd ? "sudo systemctl start docker" : "sudo service docker start";
  }
  return finding;
}

Finding judge(const EngineFacts& facts) {
  if (!facts.supported) {
    return {kEngines, facts.name, Status::kMissing,
            std::string(facts.command_found ? "installed" : "not installed") +
                "; not supported by this fairlead yet",
            ""};
  }
  if (facts.answers) {
    Finding finding{kEngines, facts.name, Status::kOk,
                    "version " + (facts.version.empty() ? "unknown" : facts.version) +
                        " answers at " + facts.socket + (facts.rootless ? ", rootless" : ""),
                    ""};
    if (!facts.command_found) {
      finding.status = Status::kBroken;
      finding.words += "; but its command \"" + facts.command +
                       "\" is not to be found, which up, down and relay exec need";
      if (facts.has_apt) finding.fix = "sudo apt-get install docker.io";
    }
    return finding;
  }
  if (facts.connect_error != 0) return not_reached(facts);
  Finding finding{kEngines, facts.name, Status::kBroken,
                  facts.socket.empty() ? facts.trouble : facts.socket + ": " + facts.trouble, ""};
  if (facts.socket.empty() && !facts.chosen_by.empty()) finding.fix = "unset " + facts.chosen_by;
  return finding;
}

// The command inside "(…; as root: COMMAND)", as explain_refusal() words it.
std::string command_in(const std::string& refusal) {
  constexpr std::string_view kMark = "as root: ";
  const auto begin = refusal.find(kMark);
  if (begin == std::string::npos) return {};
  const auto end = refusal.find_first_of(",)", begin);
  return "sudo " + refusal.substr(begin + kMark.size(), end - begin - kMark.size());
}

constexpr const char* kNoCommand = "the engine's command is not to be found (see engines)";
// Why no relay of an engine that does not answer is possible.
constexpr const char* kSilent = "the engine cannot be used (see engines)";

Finding join(const EngineFacts& facts, const RelayFacts& rights) {
  Finding finding{kRelays, facts.name + "/namespace", Status::kOk, "", ""};
  if (facts.rootless) {
    finding.status = Status::kUnknown;
    finding.words = "possible if the engine is your own: its user namespace is then yours, too";
  } else if (rights.may_join && rights.in_user_namespace) {
    finding.status = Status::kUnknown;
    finding.words =
        "CAP_SYS_ADMIN is held in a user namespace only; possible if the engine runs in "
        "the same one";
  } else if (rights.may_join) {
    finding.words = "possible: reaches every address of a container, loopback included";
  } else {
    finding.status = Status::kMissing;
    finding.words = "joining a container's network needs CAP_SYS_ADMIN";
    finding.fix = "sudo fairlead forward CONTAINER";
  }
  return finding;
}

Finding judge_nat(const EngineFacts& facts, const RelayFacts& rights) {
  Finding finding{kRelays, facts.name + "/nat", Status::kMissing, "", ""};
  if (!facts.answers) {
    finding.words = kSilent;
  } else if (facts.remote || facts.rootless) {
    finding.words = "the addresses of the engine's containers are not this machine's";
  } else if (!rights.may_join || rights.in_user_namespace) {
    finding.words = "the kernel's own way takes CAP_SYS_ADMIN, CAP_BPF and CAP_NET_ADMIN";
    finding.fix = "sudo fairlead forward CONTAINER";
  } else if (!rights.nat_trouble.empty()) {
    finding.words = rights.nat_trouble;
  } else {
    finding.status = Status::kOk;
    finding.words =
        "possible for what is not bound to loopback: packets go through the kernel alone (" +
        rights.nat_backend + ")";
  }
  return finding;
}

void judge_local_relays(const EngineFacts& facts, const RelayFacts& rights, Findings& findings) {
  const std::string prefix = facts.name + "/";
  findings.push_back(join(facts, rights));
  if (facts.rootless) {
    findings.push_back({kRelays, prefix + "direct", Status::kMissing,
                        "a rootless engine's container addresses are not routed here", ""});
  } else {
    findings.push_back({kRelays, prefix + "direct", Status::kOk,
                        "possible for what is not bound to loopback; tried for each port", ""});
  }
  if (facts.command_found) {
    findings.push_back({kRelays, prefix + "agent", Status::kOk,
                        "possible in containers that up --auto-forward has made, and by --sidecar",
                        ""});
  } else {
    findings.push_back({kRelays, prefix + "agent", Status::kMissing, kNoCommand, ""});
  }
}

// What passes through an exec, wherever the container is.
void judge_streams(const EngineFacts& facts, Findings& findings) {
  const std::string prefix = facts.name + "/";
  findings.push_back({kRelays, prefix + "mux", Status::kOk,
                      "possible where a program can be put into the container and run", ""});
  if (facts.command_found) {
    findings.push_back({kRelays, prefix + "exec", Status::kOk,
                        "possible where a container has socat, nc or bash", ""});
  } else {
    findings.push_back({kRelays, prefix + "exec", Status::kMissing, kNoCommand, ""});
  }
}

void judge_engine_relays(const EngineFacts& facts, const RelayFacts& rights, Findings& findings) {
  const std::string prefix = facts.name + "/";
  if (!facts.answers) {
    for (const char* kind : {"namespace", "agent", "direct", "mux", "exec"}) {
      findings.push_back({kRelays, prefix + kind, Status::kMissing, kSilent, ""});
    }
  } else {
    if (facts.remote) {
      for (const char* kind : {"namespace", "agent", "direct"}) {
        findings.push_back({kRelays, prefix + kind, Status::kMissing,
                            "the engine's containers are not on this machine", ""});
      }
    } else {
      judge_local_relays(facts, rights, findings);
    }
    judge_streams(facts, findings);
  }
}

}  // namespace

Findings judge_engines(const std::vector<EngineFacts>& engines, const NativeFacts& native) {
  Findings findings;
  for (const EngineFacts& facts : engines) findings.push_back(judge(facts));
  if (native.possible) {
    findings.push_back(
        {kEngines, "native", Status::kOk, "run can make user and network namespaces", ""});
  } else {
    findings.push_back({kEngines, "native", Status::kMissing, "no run: " + native.refusal,
                        command_in(native.refusal)});
  }
  const bool usable = native.possible || std::any_of(engines.begin(), engines.end(),
                                                     [](const auto& one) { return one.answers; });
  if (!usable) {
    findings.push_back({kEngines, "any", Status::kBroken,
                        "neither containers nor run: there is nothing to forward from", ""});
  }
  return findings;
}

Findings judge_relays(const std::vector<EngineFacts>& engines, const NativeFacts& native,
                      const RelayFacts& facts) {
  Findings findings;
  for (const EngineFacts& engine : engines) {
    if (!engine.supported) continue;
    judge_engine_relays(engine, facts, findings);
    findings.push_back(judge_nat(engine, facts));
  }
  findings.push_back({kRelays, "native/namespace", native.possible ? Status::kOk : Status::kMissing,
                      native.possible ? "possible" : "run cannot be used (see engines)", ""});
  findings.push_back({kRelays, "native/direct", Status::kMissing,
                      "never: the network of run has nothing but loopback", ""});
  findings.push_back({kRelays, "native/nat", Status::kMissing,
                      "never: the network of run has nothing but loopback", ""});
  for (const char* kind : {"native/agent", "native/exec"}) {
    findings.push_back({kRelays, kind, Status::kMissing, "never: there is no engine to ask", ""});
  }
  return findings;
}

}  // namespace fairlead::doctor
