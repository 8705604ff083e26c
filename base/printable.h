// Text from outside, made safe for a terminal and for one field of one line. Pure.
#pragma once

#include <string>

namespace fairlead::base {

// Control characters (line ends, tabs and U+0080 to U+009F, too) become '?'. Other UTF-8 stays.
std::string printable(std::string text);

}  // namespace fairlead::base
