// Where the properties of a JSONC text stand.
#include "supervisor/config/json_lines.h"

#include <algorithm>

#include "tests/fuzz/require.h"

using namespace fairlead;
using config::Json;
using config::PropertyPath;
using config::operator/;

namespace {

// Looks each place up; at most `left` of them.
void visit(std::string_view text, const Json& value, const PropertyPath& path, int& left) {
  if (--left < 0) return;
  const auto at = config::find_property(text, path);
  fuzz::require(at.has_value(), "what was read stands somewhere");
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  fuzz::require(at->line >= 1 && at->line <= lines, "a line is one of the text's");
  fuzz::require(at->column >= 1 && at->column <= text.size() + 1, "a column is one of the text's");
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) visit(text, item, path / key, left);
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) visit(text, value[i], path / i, left);
  }
}

}  // namespace

FAIRLEAD_FUZZER(json_lines) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto document = config::parse_jsonc(text, "f");
  if (!document) {  // any answer, but an end
    (void)config::find_property(text, {"a", "b", std::size_t{1}});
    (void)config::find_property(text, {std::size_t{1}, "a"});
    return 0;
  }
  int left = 200;
  visit(text, *document, {}, left);
  return 0;
}
