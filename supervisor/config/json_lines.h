// Where in a JSONC text a property stands. Pure; used only once something is wrong, so that reading
// a correct file does no bookkeeping.
//
// Thread rule: values.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "supervisor/config/property.h"

namespace fairlead::config {

struct TextPosition {
  std::size_t line = 1;
  std::size_t column = 1;  // in bytes

  bool operator==(const TextPosition&) const = default;
};

// Of the key (or of the array's element) at `path`; of two equal keys the last counts, as it does
// for whoever reads the document. A path whose end is not there yields its nearest ancestor's
// position if `or_ancestor`. Nothing for a text that is no JSONC.
std::optional<TextPosition> find_property(std::string_view jsonc, const PropertyPath& path,
                                          bool or_ancestor = false);

}  // namespace fairlead::config
