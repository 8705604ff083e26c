#include "base/line_buffer.h"

#include <utility>

namespace fairlead::base {

void LineBuffer::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    const std::string_view part = bytes.substr(0, newline);
    if (!dropping_ && partial_.size() + part.size() > longest_) {
      dropping_ = true;
      std::string().swap(partial_);
      ++dropped_;
    }
    if (!dropping_) partial_.append(part);
    if (newline == std::string_view::npos) return;
    bytes.remove_prefix(newline + 1);
    if (!dropping_) lines_.push_back(std::exchange(partial_, {}));
    dropping_ = false;
  }
}

std::optional<std::string> LineBuffer::next() {
  if (lines_.empty()) return std::nullopt;
  std::string line = std::move(lines_.front());
  lines_.pop_front();
  return line;
}

}  // namespace fairlead::base
