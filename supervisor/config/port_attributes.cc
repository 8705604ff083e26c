#include "supervisor/config/port_attributes.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace fairlead::config {
namespace {

// Well-known protocols that no browser speaks.
constexpr std::array<std::uint16_t, 26> kNotHttp{
    21,   22,   23,   25,   53,   110,  143,  389,  465,  587,  636,  993,   995,
    1433, 1521, 2181, 3306, 4222, 5432, 5672, 6379, 6432, 9042, 9092, 11211, 27017};

std::optional<std::uint16_t> exact_port(const std::string& key) {
  unsigned value = 0;
  const auto parsed = std::from_chars(key.data(), key.data() + key.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != key.data() + key.size()) return std::nullopt;
  if (value < 1 || value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

base::Error wrong(const std::string& property, const std::string& wanted, const Json& value) {
  return base::plain_error(
      property + " must be " + wanted + ", not " +
      value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 80));
}

base::Result<PortAttributes> parse_one(const std::string& where, const Json& value,
                                       std::vector<std::string>& warnings) {
  if (!value.is_object()) return wrong(where, "an object", value);
  PortAttributes attributes;
  for (const auto& [key, item] : value.items()) {
    const std::string property = where + "." + key;
    if (key == "label") {
      if (!item.is_string()) return wrong(property, "a string", item);
      attributes.label = item.get<std::string>();
    } else if (key == "protocol") {
      if (item != "http" && item != "https") return wrong(property, "\"http\" or \"https\"", item);
      attributes.protocol = item.get<std::string>();
    } else if (key == "onAutoForward") {
      if (item == "notify") {
        attributes.on_auto_forward = OnAutoForward::kNotify;
      } else if (item == "silent") {
        attributes.on_auto_forward = OnAutoForward::kSilent;
      } else if (item == "ignore") {
        attributes.on_auto_forward = OnAutoForward::kIgnore;
      } else if (item == "openBrowser" || item == "openBrowserOnce" || item == "openPreview") {
        attributes.on_auto_forward = OnAutoForward::kNotify;
        warnings.push_back(property +
                           ": opening a browser is not supported yet; the port is "
                           "announced instead");
      } else {
        return wrong(property,
                     "one of notify, silent, ignore, openBrowser, openBrowserOnce, "
                     "openPreview",
                     item);
      }
    } else if (key == "requireLocalPort" || key == "elevateIfNeeded") {
      if (!item.is_boolean()) return wrong(property, "true or false", item);
      if (item.get<bool>())
        warnings.push_back(property + " is not supported yet and has no effect");
    }
  }
  return attributes;
}

const char* name_of(OnAutoForward value) {
  switch (value) {
    case OnAutoForward::kNotify:
      return "notify";
    case OnAutoForward::kSilent:
      return "silent";
    case OnAutoForward::kIgnore:
      return "ignore";
  }
  return "notify";
}

}  // namespace

base::Result<AttributesByPort> parse_ports_attributes(const Json& value,
                                                      std::vector<std::string>& warnings) {
  if (!value.is_object()) return wrong("portsAttributes", "an object", value);
  AttributesByPort result;
  for (const auto& [key, item] : value.items()) {
    const std::string where = "portsAttributes[\"" + key.substr(0, 80) + "\"]";
    auto attributes = parse_one(where, item, warnings);
    if (!attributes) return attributes.error();
    if (const auto port = exact_port(key)) {
      result[*port] = std::move(*attributes);
    } else {
      warnings.push_back(where + ": only exact port numbers are supported yet; it has no effect");
    }
  }
  return result;
}

Json to_json(const PortAttributes& attributes) {
  Json object = Json::object();
  if (attributes.label) object["label"] = *attributes.label;
  if (attributes.protocol) object["protocol"] = *attributes.protocol;
  if (attributes.on_auto_forward) object["onAutoForward"] = name_of(*attributes.on_auto_forward);
  return object;
}

PortAttributes attributes_from_json(const Json& object) {
  std::vector<std::string> ignored;
  auto attributes = parse_one("attributes", object, ignored);
  return attributes ? std::move(*attributes) : PortAttributes{};
}

std::optional<std::string> url_scheme(std::uint16_t container_port,
                                      const PortAttributes& attributes) {
  if (attributes.protocol) return attributes.protocol;
  if (std::find(kNotHttp.begin(), kNotHttp.end(), container_port) != kNotHttp.end()) {
    return std::nullopt;
  }
  return "http";
}

}  // namespace fairlead::config
