#include "supervisor/cli/console.h"

#include <cstdio>

#include "base/printable.h"

namespace fairlead::cli {
namespace {

// More of one message helps nobody.
constexpr std::size_t kLongestMessage = 64U << 10;

std::string indented(const std::string& lines) {
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    text += lines[i];
    if (lines[i] == '\n' && i + 1 < lines.size() && lines[i + 1] != ' ') text += "  ";
  }
  return text;
}

}  // namespace

void say(const std::string& message) {
  const std::string safe = indented(base::printable_lines(message, kLongestMessage)) + "\n";
  std::fputs(safe.c_str(), stderr);
}

void warn(const std::string& message) { say("fairlead: " + message); }

void print_line(const std::string& line) {
  std::fprintf(stdout, "%s\n", base::printable(line).c_str());
}

void print_result(const config::Json& result) {
  const std::string text = result.dump(-1, ' ', false, config::Json::error_handler_t::replace);
  std::fprintf(stdout, "%s\n", base::printable_json(text).c_str());
  std::fflush(stdout);
}

int print_failure(const std::string& message, const std::string& description) {
  warn(description);
  print_result({{"outcome", "error"}, {"message", message}, {"description", description}});
  return kFailure;
}

}  // namespace fairlead::cli
