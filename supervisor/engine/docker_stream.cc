#include "supervisor/engine/docker_stream.h"

#include <algorithm>

namespace fairlead::engine {
namespace {

constexpr std::size_t kMostAside = 500;
constexpr char kStdout = 1;
constexpr char kHighestStream = 3;  // what the engine itself has to say

}  // namespace

bool DockerStream::feed(std::string_view raw, const Take& take) {
  while (!raw.empty()) {
    if (left_ == 0) {
      const std::size_t lacking = std::min(header_.size() - header_size_, raw.size());
      raw.copy(header_.data() + header_size_, lacking);
      header_size_ += lacking;
      raw.remove_prefix(lacking);
      if (header_size_ < header_.size()) return true;
      header_size_ = 0;
      if (header_[0] < 0 || header_[0] > kHighestStream) return false;
      is_output_ = header_[0] == kStdout;
      for (std::size_t i = 4; i < header_.size(); ++i) {
        left_ = left_ << 8 | static_cast<unsigned char>(header_[i]);
      }
      continue;
    }
    const std::string_view piece = raw.substr(0, left_);
    raw.remove_prefix(piece.size());
    left_ -= static_cast<std::uint32_t>(piece.size());
    if (!is_output_) {
      aside_ += piece.substr(0, kMostAside - std::min(kMostAside, aside_.size()));
    } else if (!take(piece)) {
      return false;
    }
  }
  return true;
}

}  // namespace fairlead::engine
