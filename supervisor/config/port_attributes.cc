#include "supervisor/config/port_attributes.h"

#include <algorithm>
#include <array>
#include <utility>

namespace fairlead::config {
namespace {

// Well-known protocols that no browser speaks.
constexpr std::array<std::uint16_t, 26> kNotHttp{
    21,   22,   23,   25,   53,   110,  143,  389,  465,  587,  636,  993,   995,
    1433, 1521, 2181, 3306, 4222, 5432, 5672, 6379, 6432, 9042, 9092, 11211, 27017};

constexpr std::array<std::pair<const char*, OnAutoForward>, 6> kOnAutoForward{
    {{"notify", OnAutoForward::kNotify},
     {"openBrowser", OnAutoForward::kOpenBrowser},
     {"openBrowserOnce", OnAutoForward::kOpenBrowserOnce},
     {"openPreview", OnAutoForward::kOpenPreview},
     {"silent", OnAutoForward::kSilent},
     {"ignore", OnAutoForward::kIgnore}}};

std::optional<OnAutoForward> on_auto_forward(const Json& value) {
  for (const auto& [name, meaning] : kOnAutoForward) {
    if (value == name) return meaning;
  }
  return std::nullopt;
}

}  // namespace

const char* name_of(OnAutoForward value) {
  for (const auto& [name, meaning] : kOnAutoForward) {
    if (meaning == value) return name;
  }
  return "notify";
}

std::optional<Mistake> read_port_attributes(const Json& object, const PropertyPath& where,
                                            PortAttributes& into) {
  if (!object.is_object()) return wrong(where, "an object", object);
  for (const auto& [key, item] : object.items()) {
    if (key == "label") {
      if (!item.is_string()) return wrong(where / key, "a string", item);
      into.label = item.get<std::string>();
    } else if (key == "protocol") {
      if (item != "http" && item != "https") {
        return wrong(where / key, "\"http\" or \"https\"", item);
      }
      into.protocol = item.get<std::string>();
    } else if (key == "onAutoForward") {
      into.on_auto_forward = on_auto_forward(item);
      if (!into.on_auto_forward) {
        return wrong(where / key,
                     "one of notify, openBrowser, openBrowserOnce, openPreview, silent, ignore",
                     item);
      }
    } else if (key == "requireLocalPort" || key == "elevateIfNeeded") {
      if (!item.is_boolean()) return wrong(where / key, "true or false", item);
      (key == "requireLocalPort" ? into.require_local_port : into.elevate_if_needed) =
          item.get<bool>();
    }
  }
  return std::nullopt;
}

Json to_json(const PortAttributes& attributes) {
  Json object = Json::object();
  if (attributes.label) object["label"] = *attributes.label;
  if (attributes.protocol) object["protocol"] = *attributes.protocol;
  if (attributes.on_auto_forward) object["onAutoForward"] = name_of(*attributes.on_auto_forward);
  if (attributes.require_local_port) object["requireLocalPort"] = *attributes.require_local_port;
  if (attributes.elevate_if_needed) object["elevateIfNeeded"] = *attributes.elevate_if_needed;
  return object;
}

PortAttributes attributes_from_json(const Json& object) {
  PortAttributes attributes;
  return read_port_attributes(object, {}, attributes) ? PortAttributes{} : attributes;
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
