// Which engines can be used, and which relays with each: facts in, words out. Pure.
// SPEC.md "doctor".
#pragma once

#include <string>
#include <vector>

#include "supervisor/doctor/finding.h"
#include "supervisor/engine/engine_survey.h"

namespace fairlead::doctor {

Findings judge_engines(const std::vector<engine::EngineFacts>& engines,
                       const engine::NativeFacts& native);

struct RelayFacts {
  bool may_join = false;           // CAP_SYS_ADMIN on this machine
  bool in_user_namespace = false;  // what we may do counts only in there
  std::string nat_trouble;         // why the kernel cannot be told to carry; empty: it can
  std::string nat_backend = {};    // by what
};
Findings judge_relays(const std::vector<engine::EngineFacts>& engines,
                      const engine::NativeFacts& native, const RelayFacts& facts);

}  // namespace fairlead::doctor
