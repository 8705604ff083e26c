#include "supervisor/config/jsonc.h"

#include <algorithm>
#include <vector>

namespace fairlead::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

base::Error error_at(std::string_view text, std::size_t offset, const std::string& name,
                     const std::string& what) {
  offset = std::min(offset, text.size());
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = newline == std::string_view::npos ? offset + 1 : offset - newline;
  return base::plain_error(name + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " +
                           what);
}

// Overwrites with blanks what is not JSON; newlines stay where they are.
class Blanker {
 public:
  explicit Blanker(std::string& text) : text_(text) {}

  // Offset of a comment or string that never ends, or npos.
  std::size_t run() {
    std::size_t i = text_.compare(0, kByteOrderMark.size(), kByteOrderMark) == 0 ? 3 : 0;
    std::fill_n(text_.begin(), i, ' ');
    while (i < text_.size()) {
      const std::size_t start = i;
      if (text_[i] == '"') {
        i = after_string(i);
        comma_ = std::string::npos;
      } else if (text_.compare(i, 2, "//") == 0) {
        i = blank(i, std::min(text_.find('\n', i), text_.size()));
      } else if (text_.compare(i, 2, "/*") == 0) {
        const std::size_t end = text_.find("*/", i + 2);
        if (end == std::string::npos) return start;
        i = blank(i, end + 2);
      } else {
        if (!note(text_[i], i)) return start;
        ++i;
      }
      if (i == std::string::npos) return start;
    }
    return std::string::npos;
  }
  bool too_deep() const { return colons_.size() > kMaxNesting; }
  bool too_wide() const { return !colons_.empty() && colons_.back() > kMaxProperties; }

 private:
  std::size_t after_string(std::size_t quote) const {
    for (std::size_t i = quote + 1; i < text_.size(); ++i) {
      if (text_[i] == '\\')
        ++i;
      else if (text_[i] == '"')
        return i + 1;
    }
    return std::string::npos;
  }
  std::size_t blank(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      if (text_[i] != '\n') text_[i] = ' ';
    }
    return end;
  }
  bool note(char c, std::size_t at) {
    if (c == ',') {
      comma_ = at;
    } else if (c == '}' || c == ']') {
      if (comma_ != std::string::npos) text_[comma_] = ' ';
      comma_ = std::string::npos;
      if (!colons_.empty()) colons_.pop_back();
    } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
      comma_ = std::string::npos;
      if (c == '{' || c == '[') colons_.push_back(0);
      if (c == ':' && !colons_.empty()) ++colons_.back();
    }
    return !too_deep() && !too_wide();
  }

  std::string& text_;
  std::size_t comma_ = std::string::npos;  // where the last thing seen was a comma
  std::vector<std::size_t> colons_;            // of each object that is open: its keys
};

}  // namespace

base::Result<Json> parse_jsonc(std::string_view text, const std::string& name) {
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return error_at(text, nul, name, "a NUL byte: this is no text");
  }
  std::string json(text);
  Blanker blanker(json);
  const std::size_t open_end = blanker.run();
  if (blanker.too_deep()) {
    return error_at(text, open_end, name,
                    "nested deeper than " + std::to_string(kMaxNesting) + " levels");
  }
  if (blanker.too_wide()) {
    return error_at(text, open_end, name,
                    "more than " + std::to_string(kMaxProperties) + " properties in one object");
  }
  if (open_end != std::string::npos) {
    return error_at(text, open_end, name, "a string or comment begins here and never ends");
  }
  try {
    return Json::parse(json);
  } catch (const nlohmann::json::parse_error& failure) {
    std::string what = failure.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error …"
    if (const std::size_t colon = what.find(": "); colon != std::string::npos) {
      what.erase(0, colon + 2);
    }
    return error_at(text, failure.byte > 0 ? failure.byte - 1 : 0, name, what);
  } catch (const nlohmann::json::exception& failure) {
    return error_at(text, 0, name, failure.what());  // a number beyond what a double holds
  }
}

}  // namespace fairlead::config
