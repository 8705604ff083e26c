// Bytes as hexadecimal digits. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace fairlead::base {

inline std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

}  // namespace fairlead::base
