// Versions as supervisors say them: three, one a line.
#include <array>
#include <string>

#include "supervisor/version.h"
#include "tests/fuzz/require.h"

using namespace fairlead;

FAIRLEAD_FUZZER(version_order) {
  std::string_view text = fuzz::text_of(data, size);
  std::array<std::string, 3> versions;
  for (std::string& version : versions) {
    const std::size_t newline = std::min(text.find('\n'), text.size());
    version = text.substr(0, newline);
    text.remove_prefix(std::min(newline + 1, text.size()));
  }
  const auto& [a, b, c] = versions;
  fuzz::require(!is_older_version(a, a), "nothing is older than itself");
  fuzz::require(!(is_older_version(a, b) && is_older_version(b, a)), "not both older");
  if (is_older_version(a, b) && is_older_version(b, c)) {
    fuzz::require(is_older_version(a, c), "older than the older is older");
  }
  return 0;
}
