// JSON with comments and trailing commas, as devcontainer.json is written. Pure.
//
// Comments and surplus commas are blanked out in place, so that positions in error messages are
// those of the file. SPEC.md "Configuration".
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead::config {

using Json = nlohmann::ordered_json;

// Nesting deeper than this is an error rather than a stack overflow.
inline constexpr int kMaxNesting = 200;

// Errors read "NAME:LINE:COLUMN: what is wrong".
base::Result<Json> parse_jsonc(std::string_view text, const std::string& name);

// Plain JSON within the same bounds; the order of keys stays.
std::optional<Json> parse_json(std::string_view text);

}  // namespace fairlead::config
