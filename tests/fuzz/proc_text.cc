// What else is read from procfs and cgroups: stat lines, command lines, groups, mounts, counters.
#include <algorithm>

#include "base/process_identity.h"
#include "detect/cgroups.h"
#include "detect/cpu_counter.h"
#include "detect/owner_process.h"
#include "tests/fuzz/require.h"

using namespace fairlead;

FAIRLEAD_FUZZER(proc_text) {
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto ticks = base::parse_start_ticks(text)) {
    fuzz::require(text.find(std::to_string(*ticks)) != std::string_view::npos,
                  "the number stands in the line");
  }
  for (const std::size_t limit : {std::size_t{0}, std::size_t{1}, std::size_t{256}}) {
    const std::string line = detect::printable_command_line(text, limit);
    fuzz::require(line.size() <= limit, "a command line is bounded");
    fuzz::require(
        std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; }),
        "a command line is printable");
  }
  for (const char* controller : {"", "cpuacct"}) {
    if (const auto path = detect::cgroup_path(text, controller)) {
      fuzz::require(!path->empty() && path->find('\n') == std::string::npos, "a path is one line");
    }
    if (const auto mount = detect::cgroup_mount(text, controller)) {
      fuzz::require(text.find(*mount) != std::string_view::npos, "a mount is named in the table");
    }
  }
  (void)detect::parse_cpu_usage(text);
  return 0;
}
