// YAML as Compose prints it, and as anybody may write it.
#include "supervisor/config/yaml.h"

#include "tests/fuzz/require.h"

using namespace fairlead;

namespace {

std::size_t nodes_of(const config::Json& value) {
  std::size_t count = 1;
  if (value.is_structured()) {
    for (const config::Json& item : value) count += nodes_of(item);
  }
  return count;
}

}  // namespace

FAIRLEAD_FUZZER(yaml) {
  const std::string text(fuzz::text_of(data, size));
  const config::YamlLimits limits{
      .bytes = 1U << 20, .depth = 16, .nodes = 2'000, .keys = 100, .unfolded_bytes = 1U << 20};
  const auto value = config::parse_yaml(text, "input", limits);
  if (!value) {
    fuzz::require(value.error().message().starts_with("input:"), "an error names its source");
    return 0;
  }
  fuzz::require(nodes_of(*value) <= limits.nodes, "what aliases unfold to is bounded");
  const std::string json = value->dump(-1, ' ', false, config::Json::error_handler_t::replace);
  fuzz::require(json.size() <= 8 * limits.unfolded_bytes, "so is its text");
  return 0;
}
