// Random numbers from the kernel, good enough for what nobody is to guess. Blocks at most until the
// machine has booted.
#pragma once

#include <cstddef>
#include <string>

namespace fairlead::base {

// So many hexadecimal digits, at most 512 and an even number.
std::string random_digits(std::size_t count);

}  // namespace fairlead::base
