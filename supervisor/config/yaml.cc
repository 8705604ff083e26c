#include "supervisor/config/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>
#include <utility>
#include <vector>

namespace fairlead::config {
namespace {

// Thrown through the parser, which knows no other way to be stopped.
struct Refused {
  std::string why;
  int line = 0;
};

int line_of(const YAML::Mark& mark) { return mark.is_null() ? 0 : mark.line + 1; }

bool is_plain_null(const std::string& tag, const std::string& value) {
  return tag == "?" && (value.empty() || value == "~" || value == "null" || value == "Null" ||
                        value == "NULL");
}

// Builds the value bottom up. A node with an anchor is kept, with its weight, for the aliases.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(const YamlLimits& limits) : limits_(limits) {}

  Json take() { return std::move(result_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, anchor, Json(), {1, 0});
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (is_plain_null(tag, value)) return OnNull(mark, anchor);
    add(mark, anchor, value, {1, value.size()});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) refuse(mark, "an alias of what is not complete yet");
    add(mark, 0, found->second.value, found->second.weight);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, anchor, Json::array());
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, anchor, Json::object());
  }
  void OnMapEnd() override { close(); }

 private:
  struct Weight {
    std::size_t nodes = 0;
    std::size_t bytes = 0;
  };
  struct Anchored {
    Json value;
    Weight weight;
  };
  struct Level {
    Json value;
    YAML::anchor_t anchor = 0;
    Weight weight;
    std::string key;
    bool has_key = false;
  };

  [[noreturn]] static void refuse(const YAML::Mark& mark, std::string why) {
    throw Refused{std::move(why), line_of(mark)};
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, Json value) {
    if (levels_.size() >= limits_.depth) refuse(mark, "nested too deep");
    count(mark, {1, 0});
    levels_.push_back({std::move(value), anchor, {1, 0}, {}, false});
  }

  void close() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    keep(level.anchor, level.value, level.weight);
    place(YAML::Mark::null_mark(), std::move(level.value), level.weight);
  }

  void add(const YAML::Mark& mark, YAML::anchor_t anchor, Json value, Weight weight) {
    count(mark, weight);
    keep(anchor, value, weight);
    place(mark, std::move(value), weight);
  }

  void count(const YAML::Mark& mark, Weight weight) {
    total_.nodes += weight.nodes;
    total_.bytes += weight.bytes;
    if (total_.nodes > limits_.nodes || total_.bytes > limits_.unfolded_bytes) {
      refuse(mark, "it says too much, aliases unfolded");
    }
  }

  // What is kept counts as well, or many anchors around one another would be many copies.
  void keep(YAML::anchor_t anchor, const Json& value, Weight weight) {
    if (anchor == 0) return;
    count(YAML::Mark::null_mark(), weight);
    anchors_[anchor] = {value, weight};
  }

  void place(const YAML::Mark& mark, Json value, Weight weight) {
    if (levels_.empty()) {
      result_ = std::move(value);
      return;
    }
    Level& level = levels_.back();
    level.weight.nodes += weight.nodes;
    level.weight.bytes += weight.bytes;
    if (level.value.is_array()) {
      level.value.push_back(std::move(value));
    } else if (level.has_key) {
      level.value[level.key] = std::move(value);
      level.has_key = false;
    } else {
      if (value.is_structured()) refuse(mark, "a key that is not a scalar");
      if (level.value.size() >= limits_.keys) refuse(mark, "too many keys");
      level.key = value.is_null() ? std::string() : value.get<std::string>();
      level.has_key = true;
    }
  }

  const YamlLimits& limits_;
  Weight total_;
  std::vector<Level> levels_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  Json result_;
};

base::Error trouble(const std::string& source, int line, const std::string& why) {
  return base::plain_error(source + (line > 0 ? ":" + std::to_string(line) : "") + ": " + why);
}

}  // namespace

base::Result<Json> parse_yaml(const std::string& text, const std::string& source,
                              const YamlLimits& limits) {
  if (text.size() > limits.bytes) return trouble(source, 0, "too big");
  Builder builder(limits);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    return builder.take();
  } catch (const Refused& refused) {
    return trouble(source, refused.line, refused.why);
  } catch (const YAML::Exception& failure) {
    return trouble(source, line_of(failure.mark), failure.msg);
  }
}

}  // namespace fairlead::config
