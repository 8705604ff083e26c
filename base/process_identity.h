// Who a process is: pid, start time and boot id. A pid alone is never identity: numbers recur.
//
// SPEC.md "Process identity". Reads /proc; blocks no longer than procfs does. Thread rule: free.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::base {

struct ProcessIdentity {
  std::int64_t pid = 0;
  std::uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat, clock ticks since boot
  std::string boot_id;

  bool operator==(const ProcessIdentity&) const = default;
};

// The line in /proc/PID/stat.
Result<std::string> read_process_stat(std::int64_t pid);
// Pure: field 22 of a /proc/PID/stat line. The command name may hold spaces, brackets, newlines.
Result<std::uint64_t> parse_start_ticks(std::string_view stat_line);

// This boot's id. Empty only where /proc is not mounted.
const std::string& current_boot_id();

Result<ProcessIdentity> identify_process(std::int64_t pid);
Result<ProcessIdentity> identify_self();

// True only if exactly this process lives (a zombie counts as dead).
bool is_alive(const ProcessIdentity& identity);

// A pidfd that is proven to name this very process; signals sent through it hit nobody else.
// ESRCH if it is gone or the number belongs to somebody else by now.
Result<UniqueFd> open_pidfd(const ProcessIdentity& identity);
// A pidfd for whoever has this number now.
Result<UniqueFd> open_pidfd(std::int64_t pid);
Result<void> send_signal(const UniqueFd& pidfd, int signal_number);
// True while the process has not exited. Never blocks.
bool pidfd_alive(const UniqueFd& pidfd);

}  // namespace fairlead::base
