// YAML as JSON, for what Compose files and `config` output say. Pure; the text is taken as hostile:
// its size, its depth and the nodes that its aliases unfold to are bounded. The only file (with its
// .cc) that names yaml-cpp. SPEC.md "Compose".
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "supervisor/config/jsonc.h"

namespace fairlead::config {

struct YamlLimits {
  std::size_t bytes = 4U << 20;
  std::size_t depth = 64;
  std::size_t nodes = 100'000;             // aliases count as what they stand for
  std::size_t keys = 4'000;                // of one mapping
  std::size_t unfolded_bytes = 16U << 20;  // all scalars, aliases counted likewise
};

// The first document. Mappings become objects (the last of equal keys wins), sequences arrays,
// every scalar a string but null; no document at all is null. Merge keys ("<<") are not carried
// out. Errors name `source` and, where there is one, the line.
base::Result<Json> parse_yaml(const std::string& text, const std::string& source,
                              const YamlLimits& limits = {});

}  // namespace fairlead::config
