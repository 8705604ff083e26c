// What this process may do. judge_permissions() is pure. SPEC.md "doctor".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/doctor/finding.h"

namespace fairlead::doctor {

struct PermissionFacts {
  std::uint32_t user = 0;
  std::string user_name;
  std::uint64_t capabilities = 0;  // CapEff
  bool in_user_namespace = false;
  std::optional<std::int64_t> perf_event_paranoid;
  int perf_error = 0;             // errno of watching a control group; 0: it works
  std::string hidepid;            // option of /proc; empty: none, or "0"
  std::uint64_t descriptors = 0;  // hard limit

  bool has(int capability) const { return (capabilities >> capability & 1) != 0; }
};

// Reads procfs and tries; does not block.
PermissionFacts read_permission_facts();
Findings judge_permissions(const PermissionFacts& facts);

}  // namespace fairlead::doctor
