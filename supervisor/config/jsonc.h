// JSON with comments and trailing commas, as devcontainer.json is written. Pure.
//
// Comments and surplus commas are blanked out in place, so that positions in error messages are
// those of the file. SPEC.md "Configuration".
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fairlead::config {

using Json = nlohmann::ordered_json;

// Nesting deeper than this is an error rather than a stack overflow.
inline constexpr int kMaxNesting = 200;
// More properties in one object than this are an error: each is compared with all before it.
inline constexpr std::size_t kMaxProperties = 4096;

// Errors read "NAME:LINE:COLUMN: what is wrong".
base::Result<Json> parse_jsonc(std::string_view text, const std::string& name);

}  // namespace fairlead::config
