#include "target/interface_addresses.h"

#include <cerrno>
#include <string>

#include "base/hex.h"
#include "base/text_file.h"

namespace fairlead::target {
namespace {

// The tables belong to the container: whatever it makes of them, we read no more than this.
constexpr std::size_t kMostTableText = 1U << 20;

base::Result<std::string> read_table(const InitProcess& init, const char* name) {
  return base::read_text_file("/proc/" + std::to_string(init.identity().pid) + "/net/" + name,
                              kMostTableText);
}

std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

// A leaf of the trie is a line "|-- 172.17.0.2"; the lines below it say what it is: "/32 host
// LOCAL".
bool fib_trie_has(std::string_view text, const base::IpAddress& address) {
  const std::string leaf = "|-- " + address.to_string();
  bool below = false;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.find("|-- ") != std::string_view::npos) {
      below = line.ends_with(leaf);
    } else if (line.find("+-- ") != std::string_view::npos) {
      below = false;
    } else if (below && line.find("/32 host LOCAL") != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

// "fe80000000000000004202fffe110002 0b 40 20 80     eth0"
bool if_inet6_has(std::string_view text, const base::IpAddress& address) {
  const std::string wanted = base::to_hex(address.bytes());
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.size() > wanted.size() && line.starts_with(wanted) && line[wanted.size()] == ' ') {
      return true;
    }
  }
  return false;
}

base::Result<void> confirm_address(const InitProcess& init, const base::IpAddress& address) {
  const bool v6 = address.family() == base::Family::kIpv6;
  const auto text = read_table(init, v6 ? "if_inet6" : "fib_trie");
  // Only now: as long as the process lives, the table was its namespace's.
  if (!init.alive()) return base::errno_error(ESRCH, "the container's init process");
  if (!text) return text.error();
  if (v6 ? if_inet6_has(*text, address) : fib_trie_has(*text, address)) return {};
  return base::errno_error(EADDRNOTAVAIL, address.to_string() + " is the container's no longer");
}

}  // namespace fairlead::target
