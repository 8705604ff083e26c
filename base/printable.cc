#include "base/printable.h"

namespace fairlead::base {

std::string printable(std::string text) {
  unsigned char before = 0;
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    // U+0080 to U+009F are 0xC2 0x80 to 0xC2 0x9F.
    const bool c1 = before == 0xc2 && byte >= 0x80 && byte < 0xa0;
    if (byte < 0x20 || byte == 0x7f || c1) c = '?';
    before = byte;
  }
  return text;
}

}  // namespace fairlead::base
