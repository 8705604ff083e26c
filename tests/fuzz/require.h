// What a fuzzer promises about the code under it, beyond that it does not crash.
//
// A broken promise is an exception that nobody catches: libFuzzer reports it with the input, the
// replay (replay.cc) as a failed test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string_view>

namespace fairlead::fuzz {

inline void require(bool holds, const char* promise) {
  if (!holds) throw std::logic_error(promise);
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace fairlead::fuzz

// The head of a fuzzer, a function of `data` and `size`: libFuzzer's entry, or in the replay, which
// holds all fuzzers, a function of its own name.
#ifdef FAIRLEAD_FUZZ_REPLAY
#define FAIRLEAD_FUZZER(name) extern "C" int fuzz_##name(const std::uint8_t* data, std::size_t size)
#else
#define FAIRLEAD_FUZZER(name) \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
#endif
