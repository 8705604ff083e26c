#include "supervisor/cli/console.h"

#include <cstdio>

namespace fairlead::cli {

void say(const std::string& line) { std::fprintf(stderr, "%s\n", printable(line).c_str()); }

void warn(const std::string& line) { say("fairlead: " + line); }

void print_result(const config::Json& result) {
  const std::string text = result.dump(-1, ' ', false, config::Json::error_handler_t::replace);
  std::fprintf(stdout, "%s\n", text.c_str());
  std::fflush(stdout);
}

int print_failure(const std::string& message, const std::string& description) {
  warn(description);
  print_result({{"outcome", "error"}, {"message", message}, {"description", description}});
  return kFailure;
}

std::string printable(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f) c = '?';
  }
  return text;
}

}  // namespace fairlead::cli
