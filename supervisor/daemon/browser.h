// Opens what is to be opened in a browser when it appears. SPEC.md "Browser".
//
// The program was chosen by `up`, in the user's terminal; no shell is involved, the URL is one
// word. Thread rule: the loop's thread.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <vector>

#include "base/child_process.h"
#include "supervisor/daemon/listing.h"

namespace fairlead::daemon {

// Pure: which URLs of a complete picture are to be opened now.
class BrowserWishes {
 public:
  std::vector<std::string> observe(const ContainerView& container,
                                   const std::vector<ForwardView>& forwards);

 private:
  std::set<PortKey> open_;    // forwarding at the last look
  std::set<PortKey> opened_;  // at least once, ever
};

class Browser {
 public:
  // `command`: program and first arguments; empty = none. Returns what is to be told to people.
  std::vector<std::string> open(const std::vector<std::string>& command,
                                const std::vector<std::string>& urls);

 private:
  std::deque<base::ChildProcess> running_;  // reaped by and by
};

}  // namespace fairlead::daemon
