#include "supervisor/cli/console.h"

#include <algorithm>
#include <cstdio>

namespace fairlead::cli {

void say(const std::string& line) {
  std::string safe;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find('\n', begin), line.size());
    safe += printable(line.substr(begin, end - begin)) + "\n";
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

std::string printable(std::string text) {
  unsigned char before = 0;
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    // U+0080 to U+009F are control characters, too: 0xC2 0x80 to 0xC2 0x9F.
    const bool c1 = before == 0xc2 && byte >= 0x80 && byte < 0xa0;
    if (byte < 0x20 || byte == 0x7f || c1) c = '?';
    before = byte;
  }
  return text;
}

}  // namespace fairlead::cli
