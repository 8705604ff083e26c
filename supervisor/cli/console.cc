#include "supervisor/cli/console.h"

#include <algorithm>
#include <cstdio>

#include "base/printable.h"

namespace fairlead::cli {

void say(const std::string& line) {
  std::string safe;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find('\n', begin), line.size());
    safe += base::printable(line.substr(begin, end - begin)) + "\n";
    begin = end + 1;
  }
  std::fputs(safe.c_str(), stderr);
}

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

}  // namespace fairlead::cli
