// The registry's text, one record a line. Pure. SPEC.md "Registry".
//
// Every change of every supervisor reads and writes all of it under the lock, so reading what this
// version writes builds no JSON document; whatever else is found there is read by way of one.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "registry/lease.h"

namespace fairlead::registry {

inline constexpr int kRegistryVersion = 1;

struct RegistryText {
  enum class Verdict { kUsable, kCorrupt, kNewerVersion };
  Verdict verdict = Verdict::kUsable;
  // Empty unless usable.
  std::deque<Lease> leases;
  std::deque<Reservation> reservations;
  nlohmann::json others = nlohmann::json::object();  // top-level fields of another version
};

// Never throws. Lines that make no sense make the whole text corrupt: half a registry is worse than
// none.
RegistryText parse_registry(std::string_view text);
// The same by way of a document alone, whatever the text is.
RegistryText parse_registry_document(std::string_view text);

std::string write_registry(const std::deque<Lease>& leases,
                           const std::deque<Reservation>& reservations,
                           const nlohmann::json& others);

}  // namespace fairlead::registry
