// Which program opens URLs, if any: decided by `up`, in the user's environment and terminal, never
// by what a workspace says. SPEC.md "Browser".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fairlead::workspace {

struct BrowserFacts {
  std::function<std::optional<std::string>(const std::string&)> environment;
  std::function<bool(const std::string& program)> is_on_path;
  bool has_terminal = false;
};

// Program and first arguments; the URL comes behind them. Empty = none. Pure.
std::vector<std::string> choose_browser(const BrowserFacts& facts);

// Of this process.
BrowserFacts browser_facts();

}  // namespace fairlead::workspace
