// Declared ports as people write them.
#include "supervisor/config/port_spec.h"

#include "tests/fuzz/require.h"

using namespace fairlead;

FAIRLEAD_FUZZER(port_spec) {
  const auto ports = config::parse_port_spec(fuzz::text_of(data, size));
  if (!ports) {
    fuzz::require(ports.error().message().size() < 512, "an error is bounded");
    return 0;
  }
  fuzz::require(!ports->empty() && ports->size() <= 65535, "one port per number");
  for (const config::DeclaredPort& port : *ports) {
    fuzz::require(port.container_port != 0, "a declared port is a port");
    fuzz::require(port.container_port - ports->front().container_port == &port - ports->data(),
                  "a range goes upward");
  }
  // Writing and reading 65,535 of them each time would be all that is ever done.
  for (const config::DeclaredPort& port : {ports->front(), ports->back()}) {
    const auto again = config::parse_port_spec(config::to_string(port));
    fuzz::require(again && again->size() == 1 && again->front() == port, "a port survives");
  }
  return 0;
}
