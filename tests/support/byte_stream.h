// Bytes that show every loss, doubling and swap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace fairlead::testing {

class ByteStream {
 public:
  explicit ByteStream(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U + 1) {}
  void fill(char* data, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) data[i] = next();
  }
  std::string take(std::size_t size) {
    std::string data(size, '\0');
    fill(data.data(), size);
    return data;
  }
  // Whether these are the bytes that come next.
  bool matches(const char* data, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      if (data[i] != next()) return false;
    }
    return true;
  }

 private:
  char next() {
    if (left_ == 0) {
      state_ ^= state_ << 13;
      state_ ^= state_ >> 7;
      state_ ^= state_ << 17;
      word_ = state_;
      left_ = 8;
    }
    const char byte = static_cast<char>(word_ & 0xff);
    word_ >>= 8;
    --left_;
    return byte;
  }
  std::uint64_t state_;
  std::uint64_t word_ = 0;
  int left_ = 0;
};

}  // namespace fairlead::testing
