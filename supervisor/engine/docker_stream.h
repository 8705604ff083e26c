// The bytes of an exec without a terminal, as Docker's API wraps them: a header of 8 bytes (which
// stream, three unused, length; big-endian) before each piece. Pure; parsed as hostile.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "target/mux/carrier.h"

namespace fairlead::engine {

class DockerStream : public target::mux::Unwrapper {
 public:
  bool feed(std::string_view raw, const Take& take) override;
  std::string aside() const override { return aside_; }  // its stderr

 private:
  std::array<char, 8> header_{};
  std::size_t header_size_ = 0;
  std::uint32_t left_ = 0;  // of the piece
  bool is_output_ = false;
  std::string aside_;
};

}  // namespace fairlead::engine
