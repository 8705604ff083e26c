// What a supervisor is told when it starts.
#include "supervisor/daemon/supervisor_config.h"

#include "tests/fuzz/require.h"

using namespace fairlead;

FAIRLEAD_FUZZER(supervisor_config) {
  const auto config = daemon::parse_supervisor_config(fuzz::text_of(data, size));
  if (!config) {
    fuzz::require(!config.error().message().empty(), "an error says what it is");
    return 0;
  }
  for (const config::DeclaredPort& port : config->rules.declared) {
    fuzz::require(port.container_port != 0, "a declared port is a port");
  }
  const std::string written = daemon::to_json(*config).dump();
  const auto again = daemon::parse_supervisor_config(written);
  fuzz::require(static_cast<bool>(again), "what is written can be read");
  fuzz::require(daemon::to_json(*again).dump() == written, "what is read is written as it was");
  return 0;
}
