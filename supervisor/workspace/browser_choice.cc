#include "supervisor/workspace/browser_choice.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace fairlead::workspace {
namespace {

std::string value_of(const BrowserFacts& facts, const char* name) {
  return facts.environment(name).value_or("");
}

// The first of several between colons; words between blanks, without any shell's rules. One that
// wants the URL in the midst of its words is left alone.
std::vector<std::string> words_of(const std::string& browser) {
  std::istringstream first(browser.substr(0, browser.find(':')));
  std::vector<std::string> words;
  for (std::string word; first >> word;) {
    if (word == "%s") continue;
    if (word.find('%') != std::string::npos) return {};
    words.push_back(word);
  }
  return words;
}

}  // namespace

std::vector<std::string> choose_browser(const BrowserFacts& facts) {
  const std::string ours = value_of(facts, "FAIRLEAD_BROWSER");
  if (ours == "none") return {};
  if (!ours.empty()) return {ours};
  if (!facts.has_terminal || !value_of(facts, "CI").empty()) return {};
  if (const std::string browser = value_of(facts, "BROWSER"); !browser.empty()) {
    return browser == "none" ? std::vector<std::string>() : words_of(browser);
  }
  const bool has_desktop =
      !value_of(facts, "DISPLAY").empty() || !value_of(facts, "WAYLAND_DISPLAY").empty();
  if (has_desktop && facts.is_on_path("xdg-open")) return {"xdg-open"};
  return {};
}

BrowserFacts browser_facts() {
  BrowserFacts facts;
  facts.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
  facts.is_on_path = [](const std::string& program) {
    const char* path = std::getenv("PATH");
    std::istringstream places(path != nullptr ? path : "");
    for (std::string place; std::getline(places, place, ':');) {
      if (place.starts_with('/') && access((place + "/" + program).c_str(), X_OK) == 0) return true;
    }
    return false;
  };
  facts.has_terminal = isatty(STDERR_FILENO) == 1;
  return facts;
}

}  // namespace fairlead::workspace
