#include "supervisor/config/property.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace fairlead::config {
namespace {

constexpr std::size_t kShownLength = 80;

bool is_word(const std::string& key) {
  return !key.empty() && key.size() <= kShownLength &&
         std::all_of(
             key.begin(), key.end(),
             [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '$'; }) &&
         std::isdigit(static_cast<unsigned char>(key[0])) == 0;
}

// Also makes bytes that are no UTF-8 harmless.
std::string shown(const Json& value) {
  return excerpt(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

std::string excerpt(const std::string& text) {
  if (text.size() <= kShownLength) return text;
  std::size_t end = kShownLength;  // not within a character
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "…";
}

PropertyPath operator/(PropertyPath parent, std::string key) {
  parent.emplace_back(std::move(key));
  return parent;
}

PropertyPath operator/(PropertyPath parent, std::size_t index) {
  parent.emplace_back(index);
  return parent;
}

std::string to_text(const PropertyPath& path) {
  std::string text;
  for (const PropertyStep& step : path) {
    if (const auto* index = std::get_if<std::size_t>(&step)) {
      text += "[" + std::to_string(*index) + "]";
    } else if (const auto& key = std::get<std::string>(step); is_word(key)) {
      text += (text.empty() ? "" : ".") + key;
    } else {
      text += "[" + shown(Json(key)) + "]";
    }
  }
  return text;
}

Mistake wrong(PropertyPath where, const std::string& wanted, const Json& value) {
  return {std::move(where), "must be " + wanted + ", not " + shown(value)};
}

std::string to_text(const Mistake& mistake) {
  if (mistake.where.empty()) return mistake.what;
  const std::string place = to_text(mistake.where);
  return (mistake.where.size() == 1 ? "\"" + place + "\"" : place) + " " + mistake.what;
}

std::optional<std::uint16_t> port_of_key(const std::string& key) {
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(key.data(), key.data() + key.size(), port);
  if (parsed.ec != std::errc{} || parsed.ptr != key.data() + key.size() || port == 0) {
    return std::nullopt;
  }
  return port;
}

}  // namespace fairlead::config
