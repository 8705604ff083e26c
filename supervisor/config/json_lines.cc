#include "supervisor/config/json_lines.h"

#include <algorithm>
#include <string>

namespace fairlead::config {
namespace {

constexpr auto kNone = std::string_view::npos;

// Walks over a text that is known to be JSONC; any other text only ever ends the walk.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  }

  std::size_t find(const PropertyPath& path) {
    skip_blank();
    std::size_t found = at_;
    for (const PropertyStep& step : path) {
      const auto* key = std::get_if<std::string>(&step);
      const std::optional<Place> place =
          key != nullptr ? member(*key) : element(std::get<std::size_t>(step));
      if (!place) return kNone;
      found = place->begin;
      at_ = place->value;
    }
    return found < text_.size() ? found : kNone;
  }

 private:
  struct Place {
    std::size_t begin;  // of the key, or of the element
    std::size_t value;
  };

  // The last one of that name in the object that begins here.
  std::optional<Place> member(const std::string& wanted) {
    std::optional<Place> found;
    if (!take('{')) return found;
    for (skip_blank(); at_ < text_.size() && text_[at_] == '"'; skip_blank()) {
      const std::size_t begin = at_;
      skip_string();
      const std::string_view key = text_.substr(begin, at_ - begin);
      skip_blank();
      if (!take(':')) return found;
      skip_blank();
      if (is(key, wanted)) found = Place{begin, at_};
      skip_value();
      if (!take(',')) break;
    }
    return found;
  }

  std::optional<Place> element(std::size_t index) {
    if (!take('[')) return std::nullopt;
    for (std::size_t i = 0; i < index; ++i) {
      skip_value();
      if (!take(',')) return std::nullopt;
    }
    skip_blank();
    if (at_ >= text_.size() || text_[at_] == ']') return std::nullopt;
    return Place{at_, at_};
  }

  static bool is(std::string_view quoted, const std::string& wanted) {
    if (quoted.size() < 2) return false;
    const std::string_view inner = quoted.substr(1, quoted.size() - 2);
    if (inner.find('\\') == kNone) return inner == wanted;
    const Json decoded = Json::parse(quoted, nullptr, false);
    return decoded.is_string() && decoded.get_ref<const std::string&>() == wanted;
  }

  bool take(char wanted) {
    skip_blank();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void skip_blank() {
    while (at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_, 2);
      if (rest == "//") {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (rest == "/*") {
        const std::size_t end = text_.find("*/", at_ + 2);
        at_ = end == kNone ? text_.size() : end + 2;
      } else if (std::string_view(" \t\r\n").find(rest[0]) != kNone) {
        ++at_;
      } else {
        return;
      }
    }
  }
  void skip_string() {
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == '"') {
        ++at_;
        return;
      }
    }
    at_ = text_.size();
  }
  // To the comma or bracket after the value that begins here.
  void skip_value() {
    std::size_t depth = 0;
    for (skip_blank(); at_ < text_.size(); skip_blank()) {
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
        continue;
      }
      if (depth == 0 && (c == ',' || c == '}' || c == ']')) return;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++at_;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

TextPosition position_at(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t newline = before.rfind('\n');
  const auto lines = std::count(before.begin(), before.end(), '\n');
  return {static_cast<std::size_t>(lines) + 1,
          newline == kNone ? before.size() + 1 : before.size() - newline};
}

std::optional<TextPosition> find_property(std::string_view jsonc, const PropertyPath& path) {
  const std::size_t offset = Walker(jsonc).find(path);
  if (offset == kNone) return std::nullopt;
  return position_at(jsonc, offset);
}

base::Error located(const Mistake& mistake, const std::string& name, std::string_view jsonc) {
  const auto at = find_property(jsonc, mistake.where);
  const std::string line =
      at ? ":" + std::to_string(at->line) + ":" + std::to_string(at->column) : std::string();
  return base::plain_error(name + line + ": " + to_text(mistake));
}

}  // namespace fairlead::config
