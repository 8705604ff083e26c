#include "supervisor/engine/native_endpoint.h"

#include <algorithm>
#include <charconv>

namespace fairlead::engine {
namespace {

constexpr std::string_view kPrefix = "native:";
constexpr std::size_t kLongestName = 64;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Takes a positive number and the colon behind it off the front of `text`.
template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  const char* const end = text.data() + colon;
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end || number <= 0) return false;
  text.remove_prefix(colon + 1);
  return true;
}

}  // namespace

std::string to_endpoint(const NativeRun& run) {
  return std::string(kPrefix) + std::to_string(run.pid) + ":" + std::to_string(run.start_ticks) +
         ":" + run.name;
}

std::optional<NativeRun> parse_native_endpoint(std::string_view endpoint) {
  if (!endpoint.starts_with(kPrefix)) return std::nullopt;
  endpoint.remove_prefix(kPrefix.size());
  NativeRun run;
  if (!take_number(endpoint, run.pid) || !take_number(endpoint, run.start_ticks) ||
      !is_run_name(endpoint)) {
    return std::nullopt;
  }
  run.name = endpoint;
  return run;
}

bool is_run_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestName && is_alphanumeric(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

}  // namespace fairlead::engine
