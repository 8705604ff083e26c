// Which bridges have route_localnet raised by relay `nat`, for whom, and what killed supervisors
// have left of that. judge_guards() is pure. SPEC.md "doctor" and "Kernel NAT". The others block
// for some milliseconds.
#pragma once

#include <string>
#include <vector>

#include "relay/nat/guard.h"
#include "supervisor/doctor/finding.h"

namespace fairlead::doctor {

// Of this host's network; nothing for whoever may not ask nftables.
relay::Guard::State read_guards();
Findings judge_guards(const relay::Guard::State& state);

// Lowers what no living supervisor wants raised. Returns what was done.
std::vector<std::string> repair_guards(const relay::Guard::State& state);

}  // namespace fairlead::doctor
