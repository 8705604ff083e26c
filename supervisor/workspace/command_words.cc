#include "supervisor/workspace/command_words.h"

namespace fairlead::workspace {

std::vector<CommandWords> command_words(const config::LifecycleCommand& command) {
  std::vector<CommandWords> words;
  for (const auto& [name, part] : command.parts) {
    if (const auto* line = std::get_if<std::string>(&part)) {
      if (line->find_first_not_of(" \t\r\n") == std::string::npos) continue;
      words.push_back({name, {"/bin/sh", "-c", *line}});
    } else if (const auto& argv = std::get<std::vector<std::string>>(part); !argv.empty()) {
      words.push_back({name, argv});
    }
  }
  return words;
}

}  // namespace fairlead::workspace
