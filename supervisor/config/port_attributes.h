// What devcontainer.json says about one port. Pure. SPEC.md "Port attributes".
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/config/jsonc.h"
#include "supervisor/config/property.h"

namespace fairlead::config {

enum class OnAutoForward : std::uint8_t {
  kNotify,
  kOpenBrowser,
  kOpenBrowserOnce,
  kOpenPreview,
  kSilent,
  kIgnore
};
const char* name_of(OnAutoForward value);

struct PortAttributes {
  std::optional<std::string> label;
  std::optional<std::string> protocol;  // "http", "https"
  std::optional<OnAutoForward> on_auto_forward;
  std::optional<bool> require_local_port;
  std::optional<bool> elevate_if_needed;

  bool operator==(const PortAttributes&) const = default;
};

// Unknown keys are skipped; a value of the wrong type is a mistake.
std::optional<Mistake> read_port_attributes(const Json& object, const PropertyPath& where,
                                            PortAttributes& into);

Json to_json(const PortAttributes& attributes);
PortAttributes attributes_from_json(const Json& object);  // nonsense reads as nothing said

// "http", "https", or nothing for ports whose well-known protocol is another one (SPEC.md lists
// them) and that do not say what they are.
std::optional<std::string> url_scheme(std::uint16_t container_port,
                                      const PortAttributes& attributes);

}  // namespace fairlead::config
