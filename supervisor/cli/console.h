// What people read: stderr for everything that is said, stdout for results alone.
// SPEC.md "stdout, stderr, exit status".
#pragma once

#include <string>

#include "supervisor/config/jsonc.h"

namespace fairlead::cli {

// Exit statuses of the contract.
inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
inline constexpr int kUsageError = 2;

void say(const std::string& line);   // a line on stderr
void warn(const std::string& line);  // "fairlead: …" on stderr
// The one JSON line of a result, on stdout.
void print_result(const config::Json& result);
// {"outcome":"error",…} on stdout and the message on stderr. Returns kFailure.
int print_failure(const std::string& message, const std::string& description);

}  // namespace fairlead::cli
