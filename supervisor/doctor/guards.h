// Which bridges have route_localnet raised by relay `nat`, for whom, and what killed supervisors
// have left of that. judge_guards() is pure. SPEC.md "doctor" and "Kernel NAT". The others block
// for some milliseconds.
#pragma once

#include <string>
#include <vector>

#include "relay/nat/guard.h"
#include "supervisor/doctor/finding.h"

namespace fairlead::doctor {

struct GuardFacts {
  relay::Guard::State state;
  std::string trouble;  // why they cannot be told, for somebody who should be able to
};

// Of this host's network.
GuardFacts read_guards();
Findings judge_guards(const GuardFacts& facts);

// Lowers what no living supervisor wants raised. Returns what was done.
std::vector<std::string> repair_guards(const GuardFacts& facts);

}  // namespace fairlead::doctor
