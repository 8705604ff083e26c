// The processes that procfs shows. A number may have changed hands before it is looked at: whoever
// acts on one proves its identity first (process_identity.h).
// Thread rule: free functions. They block as long as reading procfs takes.
#pragma once

#include <cstdint>
#include <vector>

namespace fairlead::base {

// Empty where /proc is not mounted.
std::vector<std::int64_t> all_processes();
std::vector<std::int64_t> children_of(std::int64_t parent);

}  // namespace fairlead::base
