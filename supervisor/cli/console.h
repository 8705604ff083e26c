// What people read: stderr for everything that is said, stdout for results alone. The one place
// where the commands write; whatever a text has come from, it is harmless to a terminal here.
// SPEC.md "stdout, stderr, exit status".
#pragma once

#include <string>

#include "supervisor/config/jsonc.h"

namespace fairlead::cli {

// Exit statuses of the contract.
inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
inline constexpr int kUsageError = 2;

// A message on stderr. Lines after its first are indented: no text from outside makes up a line.
void say(const std::string& message);
void warn(const std::string& message);     // "fairlead: …" on stderr
void print_line(const std::string& line);  // on stdout
// The one JSON line of a result, on stdout.
void print_result(const config::Json& result);
// {"outcome":"error",…} on stdout and the message on stderr. Returns kFailure.
int print_failure(const std::string& message, const std::string& description);

}  // namespace fairlead::cli
