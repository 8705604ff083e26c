#include "base/process_list.h"

#include <dirent.h>

#include <charconv>
#include <memory>
#include <string>
#include <string_view>

#include "base/process_identity.h"

namespace fairlead::base {
namespace {

// 0 = not to be seen.
std::int64_t parent_of(std::int64_t pid) {
  const auto text = read_process_stat(pid);
  if (!text) return 0;
  // The command name before it is free text in brackets.
  const std::size_t close = text->rfind(')');
  constexpr std::size_t kToParent = 4;  // ") S "
  if (close == std::string::npos || close + kToParent >= text->size()) return 0;
  std::int64_t parent = 0;
  std::from_chars(text->data() + close + kToParent, text->data() + text->size(), parent);
  return parent;
}

}  // namespace

std::vector<std::int64_t> all_processes() {
  std::vector<std::int64_t> processes;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc"), closedir);
  while (const dirent* entry = directory ? readdir(directory.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    std::int64_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec == std::errc{} && parsed.ptr == name.data() + name.size()) {
      processes.push_back(pid);
    }
  }
  return processes;
}

std::vector<std::int64_t> children_of(std::int64_t parent) {
  std::vector<std::int64_t> children;
  for (const std::int64_t pid : all_processes()) {
    if (parent_of(pid) == parent) children.push_back(pid);
  }
  return children;
}

}  // namespace fairlead::base
