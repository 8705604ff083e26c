// JSON with comments and trailing commas.
#include "supervisor/config/jsonc.h"

#include "tests/fuzz/require.h"

using namespace fairlead;
using config::Json;

namespace {

int depth_of(const Json& value) {
  int deepest = 0;
  if (value.is_structured()) {
    for (const Json& item : value) deepest = std::max(deepest, depth_of(item));
  }
  return value.is_structured() ? deepest + 1 : 0;
}

}  // namespace

FAIRLEAD_FUZZER(jsonc) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto document = config::parse_jsonc(text, "f");
  const Json plain = Json::parse(text, nullptr, false);
  if (!document) {
    fuzz::require(document.error().message().starts_with("f:"), "an error names the place");
    // The library takes a NUL for the end.
    if (text.find('\0') != std::string_view::npos) return 0;
    fuzz::require(plain.is_discarded() || depth_of(plain) > config::kMaxNesting,
                  "what is JSON is read");
    return 0;
  }
  fuzz::require(depth_of(*document) <= config::kMaxNesting, "nesting is bounded");
  fuzz::require(plain.is_discarded() || plain == *document, "JSON means what it means");
  const auto again = config::parse_jsonc(document->dump(), "f");
  fuzz::require(again && *again == *document, "what is written can be read");
  return 0;
}
