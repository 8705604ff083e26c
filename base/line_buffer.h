// Bytes in pieces of any size in, lines out. Pure; what it keeps is bounded.
//
// Thread rule: values. Used for every stream of lines that somebody else writes.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace fairlead::base {

class LineBuffer {
 public:
  // Lines of more than `longest` bytes are dropped whole, newline included, and counted.
  explicit LineBuffer(std::size_t longest) : longest_(longest) {}

  void feed(std::string_view bytes);
  // The next complete line, without its newline.
  std::optional<std::string> next();
  std::size_t dropped() const { return dropped_; }

 private:
  std::size_t longest_;
  std::deque<std::string> lines_;
  std::string partial_;
  bool dropping_ = false;
  std::size_t dropped_ = 0;
};

}  // namespace fairlead::base
