// Where in a JSONC text a property stands. Pure; used only once something is wrong, so that reading
// a correct file does no bookkeeping.
//
// Thread rule: values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "supervisor/config/property.h"

namespace fairlead::config {

struct TextPosition {
  std::size_t line = 1;
  std::size_t column = 1;  // in bytes

  bool operator==(const TextPosition&) const = default;
};

TextPosition position_at(std::string_view text, std::size_t offset);

// Of the key (or of the array's element) at `path`; the empty path is the document's. Of two equal
// keys the last counts, as it does for whoever reads the document. The text is one that parse_jsonc
// takes; others yield anything or nothing.
std::optional<TextPosition> find_property(std::string_view jsonc, const PropertyPath& path);

// "NAME:LINE:COLUMN: what is wrong", or "NAME: …" if the place is not in the text.
base::Error located(const Mistake& mistake, const std::string& name, std::string_view jsonc);

}  // namespace fairlead::config
