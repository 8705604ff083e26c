// What `doctor` has found out, one thing each, and how it is shown. Pure. SPEC.md "doctor".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "supervisor/config/jsonc.h"

namespace fairlead::doctor {

enum class Status : std::uint8_t {
  kOk,
  kMissing,  // not there; what that costs is said, and nothing is wrong
  kBroken,   // wants attention
  kUnknown,  // cannot be told from here
};
std::string name_of(Status status);

struct Finding {
  std::string group;  // "engines", "permissions", "kernel", "relays", "state"
  std::string name;
  Status status = Status::kOk;
  std::string words;
  std::string fix;  // a command; empty: none that would help
};
using Findings = std::vector<Finding>;

// Whether anything wants attention.
bool wants_attention(const Findings& findings);

config::Json to_json(const Findings& findings);
// By group, a line or two each, for people.
std::string to_report(const Findings& findings);
// A row of fields between tabs each, for programs: group, name, status, words, fix or "-".
std::string to_rows(const Findings& findings);

// A word as a shell takes it literally.
std::string shell_word(const std::string& text);

}  // namespace fairlead::doctor
