#include "base/printable.h"

#include <algorithm>
#include <cstdint>

namespace fairlead::base {
namespace {

constexpr std::string_view kNoCharacter = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";     // U+2026

struct Character {
  std::size_t length = 1;  // bytes
  char32_t code = 0;
  bool valid = false;
};

// The character at the beginning of a text that is not empty.
Character first_of(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, lead, true};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {};
  char32_t code = lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fU);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool valid =
      code >= kSmallest[length] && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return valid ? Character{length, code, true} : Character{};
}

// Moves the cursor, starts a sequence, or changes the direction or the line.
bool is_control(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x200e || code == 0x200f ||
         code == 0x61c || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

// `instead` appends what stands for a control character.
template <class Instead>
std::string without_controls(std::string_view text, Instead instead) {
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    const Character character = first_of(text);
    const std::string_view bytes = text.substr(0, character.length);
    if (!character.valid) {
      safe += kNoCharacter;
    } else if (is_control(character.code)) {
      instead(safe, character.code);
    } else {
      safe += bytes;
    }
    text.remove_prefix(bytes.size());
  }
  return safe;
}

}  // namespace

std::string printable(std::string_view text) {
  return without_controls(text, [](std::string& safe, char32_t /*code*/) { safe += '?'; });
}

std::string printable_lines(std::string_view text, std::size_t longest) {
  const bool cut = text.size() > longest;
  if (cut) {
    std::size_t end = longest;  // not within a character
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
    text = text.substr(0, end);
  }
  std::string safe;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    safe += (begin == 0 ? "" : "\n") + printable(text.substr(begin, end - begin));
    begin = end + 1;
  }
  if (cut) safe += kEllipsis;
  return safe;
}

std::string printable_json(std::string_view json) {
  return without_controls(json, [](std::string& safe, char32_t code) {
    constexpr char kDigits[] = "0123456789abcdef";
    if (code < 0x20) {  // JSON has escaped those of its strings: they lay it out
      safe += static_cast<char>(code);
      return;
    }
    safe += "\\u";  // none of them takes more than four digits
    for (int shift = 12; shift >= 0; shift -= 4) safe += kDigits[code >> shift & 0xf];
  });
}

}  // namespace fairlead::base
