// What the shell may offer at the cursor, derived from the command line's own definition, so that
// it cannot go stale. SPEC.md "completion". Thread rule: one thread; suggest() is pure.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace fairlead::cli {

struct Suggestion {
  std::string word;
  std::string help;
};

struct Suggestions {
  std::vector<Suggestion> words;
  // What else belongs there: "containers", "supervised", "ports" (looked up now), "files",
  // "directories" (the shell's affair), or nothing.
  std::string live;
  std::string prefix;  // of what the live ones replace: "--config=" or nothing
};

// `before`: the words between the program's name and the cursor's; `current`: what stands before
// the cursor in its own.
Suggestions suggest(const CLI::App& app, std::vector<std::string> before, std::string current);

// The text that a shell reads to ask us; nullptr for shells that are not known.
const char* completion_script(const std::string& shell);

// `fairlead __complete words N WORD…` (N: index of the cursor's word), as the scripts call it, and
// `fairlead __complete containers|supervised|ports`. One suggestion a line, its help after a tab;
// ":files" and ":directories" for what the shell knows itself. Silent about every failure, two
// seconds at most. Returns the exit status.
int run_complete(const CLI::App& app, const std::vector<std::string>& words);

}  // namespace fairlead::cli
