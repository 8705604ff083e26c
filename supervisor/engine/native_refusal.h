// Why the kernel refuses somebody namespaces of their own, in words that name the setting to blame
// and the command that changes it. explain_refusal() is pure. SPEC.md "run".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace fairlead::engine {

// What was being done when it was refused, in this order.
enum class NativeStep : std::uint8_t {
  kUserNamespace,
  kIdentityMap,
  kNetworkNamespace,
  kLoopback,
};

// The settings that may be to blame; one that this kernel lacks, or does not show, is empty.
struct NamespaceSettings {
  std::optional<std::int64_t> max_user_namespaces;                 // user.…
  std::optional<std::int64_t> max_network_namespaces;              // user.max_net_namespaces
  std::optional<std::int64_t> unprivileged_user_namespaces;        // kernel.…_userns_clone
  std::optional<std::int64_t> apparmor_restricts_user_namespaces;  // kernel.apparmor_…
  bool seccomp = false;                                            // a filter is on this process
  bool privileged = false;                                         // the caller is root
};

// As they are now. Reads procfs.
NamespaceSettings read_namespace_settings();

// A sentence; several lines never.
std::string explain_refusal(NativeStep step, int error_number, const NamespaceSettings& settings);

}  // namespace fairlead::engine
