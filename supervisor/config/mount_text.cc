#include "supervisor/config/mount_text.h"

#include <algorithm>
#include <vector>

namespace fairlead::config {
namespace {

// The fields of one line of CSV, unquoted.
std::vector<std::string> csv_fields(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"') {
      if (quoted && i + 1 < line.size() && line[i + 1] == '"')
        fields.back() += line[++i];
      else
        quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

std::string shown(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string(2, c) : std::string(1, c);
  return quoted + "\"";
}

std::optional<Mistake> read_mount(const Json& mount, const PropertyPath& where, std::string& into) {
  if (mount.is_string()) {
    into = mount.get<std::string>();
    return std::nullopt;
  }
  if (!mount.is_object()) return wrong(where, "a string or an object", mount);
  if (mount_target(mount).empty()) return Mistake{where, "has no \"target\""};
  std::string text;
  const auto add = [&](const std::string& field) {
    text += (text.empty() ? "" : ",") + csv_field(field);
  };
  for (const char* first : {"type", "source", "target"}) {
    const auto found = mount.find(first);
    if (found == mount.end()) continue;
    if (!found->is_string()) return wrong(where / first, "a string", *found);
    add(std::string(first) + "=" + found->get<std::string>());
  }
  for (const auto& [key, value] : mount.items()) {
    if (key == "type" || key == "source" || key == "target" || key == "external") continue;
    if (!value.is_string() && !value.is_boolean() && !value.is_number()) {
      return wrong(where / key, "a string, a number, true or false", value);
    }
    if (value == true) {
      add(key);  // "readonly"
    } else if (value != false) {
      add(key + "=" + shown(value));
    }
  }
  into = std::move(text);
  return std::nullopt;
}

std::string mount_target(const Json& mount) {
  constexpr std::string_view kNames[] = {"target", "destination", "dst"};
  const auto is_target = [&](std::string_view name) {
    return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
  };
  std::string target;
  if (mount.is_object()) {
    const auto found = mount.find("target");
    if (found != mount.end() && found->is_string()) target = found->get<std::string>();
  } else if (mount.is_string()) {
    for (const std::string& field : csv_fields(mount.get_ref<const std::string&>())) {
      const std::size_t equals = field.find('=');
      if (equals != std::string::npos && is_target(std::string_view(field).substr(0, equals))) {
        target = field.substr(equals + 1);
      }
    }
  }
  return target;
}

}  // namespace fairlead::config
