// Text from outside, made safe for a terminal and for one field of one line. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fairlead::base {

// Control characters (line ends, tabs and U+0080 to U+009F, too), and those that change the
// direction or the line of what follows, become '?'; each byte that is no UTF-8 becomes U+FFFD.
std::string printable(std::string_view text);

// The same line by line: line ends stay. Beyond `longest` bytes the text is cut, with "…".
std::string printable_lines(std::string_view text, std::size_t longest);

// JSON with the same characters, in its strings, as escapes ("\u009b"): it means what it meant.
std::string printable_json(std::string_view json);

}  // namespace fairlead::base
