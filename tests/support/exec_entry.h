// What an engine's CLI and its shim do for `exec`, in one small program: the command runs in the
// namespaces of a process, in a session of its own, with pipes for stdio, and sees the end of its
// stdin when this program is killed. `PROGRAM __exec PID DIRECTORY CMD…`; the command finds the
// programs in DIRECTORY alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fairlead::testing {

inline constexpr const char* kExecWord = "__exec";

std::vector<std::string> exec_prefix(std::int64_t pid, const std::string& directory);

// The program itself; its exit status is the command's.
int run_exec_entry(int argc, char** argv);

// SIGKILL to everything that was run by way of it in the network namespace of `pid`, as when a
// container ends.
void kill_guests_of(std::int64_t pid);

}  // namespace fairlead::testing
