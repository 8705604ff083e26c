#include "supervisor/cli/table.h"

#include <algorithm>

namespace fairlead::cli {

std::string Table::text(bool aligned) const {
  std::vector<std::size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (std::size_t r = aligned ? 0 : 1; r < rows_.size(); ++r) {
    const auto& row = rows_[r];
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 == row.size()) continue;
      text += aligned ? std::string(widths[i] - row[i].size() + 2, ' ') : "\t";
    }
    text += "\n";
  }
  return text;
}

}  // namespace fairlead::cli
