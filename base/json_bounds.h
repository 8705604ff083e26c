// What JSON from outside must keep to before it is worked with. Pure; for any nlohmann document.
//
// Thread rule: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace fairlead::base {

// Copying and writing a document recurse as deep as it nests; ours are a few levels deep, and what
// other versions add may be a few more.
inline constexpr int kMostJsonLevels = 32;

// A document that keeps the order of its keys looks through all of an object's for each new one.
// Our objects have some twenty.
inline constexpr std::size_t kMostJsonKeys = 256;

// Whether brackets outside strings nest deeper than `levels`, in whatever text.
bool nests_deeper_than(std::string_view text, int levels);

// The same, or one object has more than `keys` keys.
bool exceeds(std::string_view text, int levels, std::size_t keys);

// The integer in `value`. Throws Json::type_error for anything else, and for numbers that an
// Integer does not hold: the library's own get() cuts them.
template <class Integer, class Json>
Integer integer_from(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.template get<std::uint64_t>();
    if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
  } else if (value.is_number_integer()) {
    const auto number = value.template get<std::int64_t>();
    if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
  }
  throw Json::type_error::create(302, "not an integer of this size", &value);
}

}  // namespace fairlead::base
