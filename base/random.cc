#include "base/random.h"

#include <sys/random.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <cstdint>

#include "base/hex.h"

namespace fairlead::base {

std::string random_digits(std::size_t count) {
  std::array<std::uint8_t, 256> bytes{};
  const std::size_t wanted = count / 2;
  assert(wanted <= bytes.size());
  // So few bytes come whole, or not at all when a signal came first.
  while (getrandom(bytes.data(), wanted, 0) < 0 && errno == EINTR) {
  }
  return to_hex({bytes.data(), wanted});
}

}  // namespace fairlead::base
