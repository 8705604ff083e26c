// Reading a file as text, bounded. Thread rule: free. Blocks as the file does.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::base {

// Reads at most `limit` bytes. EFBIG if there are more (procfs files have no size to ask for).
Result<std::string> read_text_file(const std::string& path, std::size_t limit);
Result<std::string> read_all(const UniqueFd& fd, std::size_t limit, const std::string& name);
// Writes everything or fails.
Result<void> write_all(const UniqueFd& fd, std::string_view data, const std::string& name);

}  // namespace fairlead::base
