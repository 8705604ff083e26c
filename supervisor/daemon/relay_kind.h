// The kinds of relays, best first, and their names. SPEC.md "Relays".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fairlead::daemon {

enum class RelayKind : std::uint8_t { kNat, kNamespace, kAgent, kDirect, kMux, kExec };

inline constexpr std::array<std::string_view, 6> kRelayNames = {"nat",    "namespace", "agent",
                                                                "direct", "mux",       "exec"};

constexpr std::string_view name_of(RelayKind kind) {
  return kRelayNames[static_cast<std::size_t>(kind)];
}

constexpr std::optional<RelayKind> relay_kind(std::string_view name) {
  for (std::size_t i = 0; i < kRelayNames.size(); ++i) {
    if (kRelayNames[i] == name) return static_cast<RelayKind>(i);
  }
  return std::nullopt;
}

}  // namespace fairlead::daemon
