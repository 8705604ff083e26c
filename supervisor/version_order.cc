#include <algorithm>
#include <charconv>
#include <vector>

#include "supervisor/version.h"

namespace fairlead {
namespace {

std::vector<unsigned> numbers_of(const std::string& version) {
  std::vector<unsigned> numbers;
  const char* at = version.data();
  const char* end = at + version.size();
  while (at < end) {
    unsigned value = 0;
    const auto parsed = std::from_chars(at, end, value);
    if (parsed.ec != std::errc{}) break;
    numbers.push_back(value);
    if (parsed.ptr == end || *parsed.ptr != '.') break;
    at = parsed.ptr + 1;
  }
  numbers.resize(std::max<std::size_t>(numbers.size(), 3));
  return numbers;
}

}  // namespace

bool is_older_version(const std::string& a, const std::string& b) {
  return numbers_of(a) < numbers_of(b);
}

}  // namespace fairlead
