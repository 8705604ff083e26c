#include "base/process_identity.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <csignal>

#include "base/text_file.h"

namespace fairlead::base {
namespace {

struct StatFields {
  char state = '?';
  std::uint64_t start_ticks = 0;
};

// Fields are counted from the last ')', since the command name is free text.
Result<StatFields> parse_stat(std::string_view line) {
  const auto bad = [] { return plain_error("unreadable process status line"); };
  const std::size_t close = line.rfind(')');
  if (close == std::string_view::npos || close + 2 >= line.size()) return bad();
  std::string_view rest = line.substr(close + 2);
  StatFields fields;
  fields.state = rest[0];
  for (int field = 3; field < 22; ++field) {
    const std::size_t space = rest.find(' ');
    if (space == std::string_view::npos) return bad();
    rest.remove_prefix(space + 1);
  }
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), fields.start_ticks);
  if (parsed.ec != std::errc{}) return bad();
  return fields;
}

Result<StatFields> read_stat(std::int64_t pid) {
  const auto text = read_process_stat(pid);
  if (!text) return text.error();
  return parse_stat(*text);
}

}  // namespace

Result<std::string> read_process_stat(std::int64_t pid) {
  constexpr std::size_t kLimit = 4096;
  return read_text_file("/proc/" + std::to_string(pid) + "/stat", kLimit);
}

Result<std::uint64_t> parse_start_ticks(std::string_view stat_line) {
  const auto fields = parse_stat(stat_line);
  if (!fields) return fields.error();
  return fields->start_ticks;
}

const std::string& current_boot_id() {
  static const std::string id = [] {
    auto text = read_text_file("/proc/sys/kernel/random/boot_id", 128);
    if (!text) return std::string();
    while (!text->empty() && text->back() == '\n') text->pop_back();
    return *text;
  }();
  return id;
}

Result<ProcessIdentity> identify_process(std::int64_t pid) {
  const auto fields = read_stat(pid);
  if (!fields) return fields.error();
  return ProcessIdentity{pid, fields->start_ticks, current_boot_id()};
}

Result<ProcessIdentity> identify_self() { return identify_process(getpid()); }

bool is_alive(const ProcessIdentity& identity) {
  if (identity.pid <= 0 || identity.boot_id != current_boot_id()) return false;
  const auto fields = read_stat(identity.pid);
  return fields && fields->start_ticks == identity.start_ticks && fields->state != 'Z' &&
         fields->state != 'X';
}

Result<UniqueFd> open_pidfd(std::int64_t pid) {
  const long fd = syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0U);
  if (fd < 0) return errno_error("open process " + std::to_string(pid));
  return UniqueFd(static_cast<int>(fd));
}

Result<UniqueFd> open_pidfd(const ProcessIdentity& identity) {
  auto pidfd = open_pidfd(identity.pid);
  if (!pidfd) return pidfd;
  // The descriptor pins whoever had the number; only now does the comparison prove anything.
  if (!is_alive(identity)) {
    return errno_error(ESRCH, "process " + std::to_string(identity.pid));
  }
  return pidfd;
}

Result<void> send_signal(const UniqueFd& pidfd, int signal_number) {
  if (syscall(SYS_pidfd_send_signal, pidfd.get(), signal_number, nullptr, 0U) != 0) {
    return errno_error("send signal " + std::to_string(signal_number));
  }
  return {};
}

bool pidfd_alive(const UniqueFd& pidfd) {
  pollfd entry{pidfd.get(), POLLIN, 0};
  return poll(&entry, 1, 0) == 0;
}

}  // namespace fairlead::base
