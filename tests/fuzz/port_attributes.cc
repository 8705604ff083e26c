// The value of portsAttributes, as plain JSON.
#include "supervisor/config/port_attributes.h"

#include "tests/fuzz/require.h"

using namespace fairlead;
using config::Json;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = config::parse_jsonc(fuzz::text_of(data, size), "f");
  if (!value) return 0;
  std::vector<std::string> warnings;
  const auto parsed = config::parse_ports_attributes(*value, warnings);
  if (!parsed) {
    fuzz::require(parsed.error().message().starts_with("portsAttributes"),
                  "an error names the property");
    return 0;
  }
  fuzz::require(parsed->size() <= value->size(), "one entry, one port");
  for (const auto& [port, attributes] : *parsed) {
    fuzz::require(port != 0, "a port is a port");
    const Json written = config::to_json(attributes);
    fuzz::require(config::attributes_from_json(written) == attributes, "attributes survive");
    const auto scheme = config::url_scheme(port, attributes);
    fuzz::require(!scheme || *scheme == "http" || *scheme == "https", "a scheme is known");
  }
  return 0;
}
