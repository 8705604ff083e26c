// The value of portsAttributes, as plain JSON, and what its keys match.
#include "supervisor/config/ports_attributes.h"

#include "tests/fuzz/require.h"

using namespace fairlead;
using config::Json;
using config::PortsAttributes;

namespace {

void check_match(const PortsAttributes& all, std::uint16_t port, const char* host,
                 std::string_view command_line) {
  const PortsAttributes::Match match = all.match(port, host, command_line);
  const Json written = config::to_json(match.attributes);
  fuzz::require(config::attributes_from_json(written) == match.attributes, "attributes survive");
  fuzz::require(written.size() == match.keys.size(), "what is said has a key, and nothing else");
  for (const auto& [attribute, key] : match.keys) {
    fuzz::require(written.contains(attribute), "a key is of an attribute");
  }
  const auto scheme = config::url_scheme(port, match.attributes);
  fuzz::require(!scheme || *scheme == "http" || *scheme == "https", "a scheme is known");
}

}  // namespace

FAIRLEAD_FUZZER(port_attributes) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto value = config::parse_jsonc(text, "f");
  if (!value) return 0;
  std::vector<std::string> warnings;
  const auto parsed = PortsAttributes::parse(&*value, nullptr, warnings);
  if (!parsed) {
    fuzz::require(parsed.error().message().find("portsAttributes") <= 1,
                  "an error names the property");
    return 0;
  }
  fuzz::require(warnings.size() <= value->size(), "at most one warning for each key");
  const auto again = PortsAttributes::from_json(parsed->to_json());
  fuzz::require(again && *again == *parsed, "what is written can be read");
  for (const std::uint16_t port : {std::uint16_t{1}, std::uint16_t{80}, std::uint16_t{3000}}) {
    check_match(*parsed, port, "", "");
    check_match(*parsed, port, "db", text.substr(0, 200));
    check_match(*parsed, port, "localhost", "node server.js --port 3000");
  }
  return 0;
}
