// A supervisor's marker.
#include "supervisor/daemon/marker.h"

#include "tests/fuzz/require.h"

using namespace fairlead;

FAIRLEAD_FUZZER(marker) {
  const std::string text(fuzz::text_of(data, size));
  const auto marker = daemon::parse_marker(text);
  if (!marker) {
    fuzz::require(marker.error().message().starts_with("corrupt"), "an error says what it is");
    return 0;
  }
  const std::string written = daemon::to_text(*marker);
  const auto again = daemon::parse_marker(written);
  fuzz::require(static_cast<bool>(again), "what is written can be read");
  fuzz::require(again->process == marker->process, "an identity survives");
  fuzz::require(daemon::to_text(*again) == written, "what is read is written as it was");
  fuzz::require(daemon::marker_name(marker->container_id).size() <= 12 + 5, "names are short");
  return 0;
}
