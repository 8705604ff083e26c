#include "base/json_bounds.h"

#include <limits>
#include <vector>

namespace fairlead::base {

bool nests_deeper_than(std::string_view text, int levels) {
  return exceeds(text, levels, std::numeric_limits<std::size_t>::max());
}

bool exceeds(std::string_view text, int levels, std::size_t keys) {
  // Of each object that is open: outside strings every key has one colon, and nothing else has.
  std::vector<std::size_t> colons;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      colons.push_back(0);
      if (std::cmp_greater(colons.size(), levels)) return true;
    } else if (c == '}' || c == ']') {
      if (!colons.empty()) colons.pop_back();
    } else if (c == ':') {
      if (!colons.empty() && ++colons.back() > keys) return true;
    }
  }
  return false;
}

}  // namespace fairlead::base
