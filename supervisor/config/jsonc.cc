#include "supervisor/config/jsonc.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/json_bounds.h"
#include "supervisor/config/json_lines.h"

namespace fairlead::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

base::Error error_at(std::string_view text, std::size_t offset, const std::string& name,
                     const std::string& what) {
  const TextPosition at = position_at(text, offset);
  return base::plain_error(name + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) +
                           ": " + what);
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
  bool too_deep() const { return depth_ > kMaxNesting; }

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
      --depth_;
    } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
      comma_ = std::string::npos;
      if (c == '{' || c == '[') ++depth_;
    }
    return !too_deep();
  }

  std::string& text_;
  std::size_t comma_ = std::string::npos;  // where the last thing seen was a comma
  int depth_ = 0;
};

// Builds the document as the library's own parser does (of two equal keys the last counts, at the
// first one's place), but finds keys by their hashes: the library's ordered object looks through
// all of them for each, and a text of keys alone would take minutes.
class Builder : public Json::json_sax_t {
 public:
  Json take() { return std::move(root_); }
  std::size_t error_offset() const { return error_offset_; }
  const std::string& error() const { return error_; }

  bool null() override { return add(nullptr) != nullptr; }
  bool boolean(bool value) override { return add(value) != nullptr; }
  bool number_integer(std::int64_t value) override { return add(value) != nullptr; }
  bool number_unsigned(std::uint64_t value) override { return add(value) != nullptr; }
  bool number_float(double value, const std::string&) override { return add(value) != nullptr; }
  bool string(std::string& value) override { return add(std::move(value)) != nullptr; }
  bool binary(Json::binary_t&) override { return false; }  // not of texts
  bool start_object(std::size_t) override { return open(Json::value_t::object); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::value_t::array); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    Level& level = open_.back();
    auto& members = level.value->get_ref<Json::object_t&>();
    const auto [known, is_new] = level.places.try_emplace(name, members.size());
    if (is_new) members.emplace_back(std::move(name), Json());
    member_ = &members.data()[known->second].second;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& failure) override {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error …"
    error_ = failure.what();
    if (const std::size_t colon = error_.find(": "); colon != std::string::npos) {
      error_.erase(0, colon + 2);
    }
    error_offset_ = position > 0 ? position - 1 : 0;
    return false;
  }

 private:
  struct Level {
    Json* value;
    std::unordered_map<std::string, std::size_t> places;
  };

  template <class Value>
  Json* add(Value&& value) {
    if (open_.empty()) {
      root_ = Json(std::forward<Value>(value));
      return &root_;
    }
    Json& parent = *open_.back().value;
    if (parent.is_array()) {
      parent.push_back(Json(std::forward<Value>(value)));
      return &parent.back();
    }
    *member_ = Json(std::forward<Value>(value));
    return member_;
  }
  bool open(Json::value_t kind) {
    open_.push_back({add(Json(kind)), {}});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  Json root_;
  std::vector<Level> open_;
  Json* member_ = nullptr;  // where the value of the key just read goes
  std::string error_;
  std::size_t error_offset_ = 0;
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
  if (open_end != std::string::npos) {
    return error_at(text, open_end, name, "a string or comment begins here and never ends");
  }
  Builder builder;
  if (!Json::sax_parse(json, &builder)) {
    return error_at(text, builder.error_offset(), name, builder.error());
  }
  return builder.take();
}

std::optional<Json> parse_json(std::string_view text) {
  if (base::nests_deeper_than(text, kMaxNesting)) return std::nullopt;
  Builder builder;
  if (!Json::sax_parse(text, &builder)) return std::nullopt;
  return builder.take();
}

}  // namespace fairlead::config
