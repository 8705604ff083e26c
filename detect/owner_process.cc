#include "detect/owner_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

#include "base/process_list.h"
#include "base/unique_fd.h"

namespace fairlead::detect {
namespace {

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

Directory open_directory(const std::string& path) { return {opendir(path.c_str()), &closedir}; }

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<ino_t> network_namespace(const std::string& process) {
  struct stat info {};
  if (stat((process + "/ns/net").c_str(), &info) != 0) return std::nullopt;
  return info.st_ino;
}

// "socket:[12345]"
std::optional<std::uint64_t> socket_inode(const std::string& link) {
  char text[64];
  const ssize_t count = readlink(link.c_str(), text, sizeof text);
  constexpr std::string_view kPrefix = "socket:[";
  if (count <= static_cast<ssize_t>(kPrefix.size())) return std::nullopt;
  const std::string_view name(text, static_cast<std::size_t>(count));
  if (name.substr(0, kPrefix.size()) != kPrefix || name.back() != ']') return std::nullopt;
  return parse_number(name.substr(kPrefix.size(), name.size() - kPrefix.size() - 1));
}

// As much of it as is shown, whatever its length.
std::string command_line(const std::string& process) {
  const base::UniqueFd fd(open((process + "/cmdline").c_str(), O_RDONLY | O_CLOEXEC));
  char text[1024];
  const ssize_t count = fd ? read(fd.get(), text, sizeof text) : 0;
  return count > 0 ? printable_command_line({text, static_cast<std::size_t>(count)}) : "";
}

}  // namespace

std::string printable_command_line(std::string_view raw, std::size_t limit) {
  while (!raw.empty() && raw.back() == '\0') raw.remove_suffix(1);
  std::string text(raw.substr(0, limit));
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0)
      c = ' ';
    else if (byte < 0x20 || byte >= 0x7f)
      c = '?';
  }
  return text;
}

std::map<std::uint64_t, OwnerProcess> find_owners(const std::set<std::uint64_t>& socket_inodes,
                                                  std::int64_t init_pid) {
  std::map<std::uint64_t, OwnerProcess> owners;
  const auto wanted = network_namespace("/proc/" + std::to_string(init_pid));
  if (!wanted) return owners;
  for (const std::int64_t pid : base::all_processes()) {
    if (owners.size() == socket_inodes.size()) break;
    const std::string process = "/proc/" + std::to_string(pid);
    if (network_namespace(process) != wanted) continue;
    const Directory descriptors = open_directory(process + "/fd");
    if (!descriptors) continue;
    while (const dirent* descriptor = readdir(descriptors.get())) {
      const auto inode = socket_inode(process + "/fd/" + descriptor->d_name);
      if (!inode || !socket_inodes.contains(*inode) || owners.contains(*inode)) continue;
      owners[*inode] = {pid, command_line(process)};
    }
  }
  return owners;
}

}  // namespace fairlead::detect
