#include "supervisor/engine/native_refusal.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string_view>
#include <system_error>

#include "base/text_file.h"

namespace fairlead::engine {
namespace {

constexpr std::size_t kSettingLimit = 64;
constexpr std::size_t kStatusLimit = 64U << 10;

std::optional<std::int64_t> read_setting(const char* path) {
  const auto text = base::read_text_file(path, kSettingLimit);
  if (!text) return std::nullopt;
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), number);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return number;
}

std::string attempt(NativeStep step) {
  switch (step) {
    case NativeStep::kUserNamespace:
      return "make a user namespace";
    case NativeStep::kIdentityMap:
      return "map the user into a user namespace";
    case NativeStep::kNetworkNamespace:
      return "make a network namespace";
    case NativeStep::kLoopback:
      return "bring up the namespace's loopback interface";
  }
  return {};
}

std::string blame(const std::string& setting, std::int64_t value, const std::string& change) {
  return setting + " is " + std::to_string(value) + "; as root: sysctl -w " + setting + "=" +
         change;
}

// The setting that explains it, and how to change it; empty if none does.
std::string culprit(NativeStep step, int error_number, const NamespaceSettings& settings) {
  const bool limit = error_number == ENOSPC || error_number == EUSERS;
  const bool denied = error_number == EPERM || error_number == EACCES;
  if (step == NativeStep::kUserNamespace) {
    if (limit && settings.max_user_namespaces == 0) {
      return blame("user.max_user_namespaces", 0, "15000");
    }
    if (limit && settings.max_user_namespaces) {
      return "the limit user.max_user_namespaces (here " +
             std::to_string(*settings.max_user_namespaces) +
             ", lower in a namespace around this one perhaps) or the deepest nesting is reached";
    }
    if (denied && !settings.privileged && settings.unprivileged_user_namespaces == 0) {
      return blame("kernel.unprivileged_userns_clone", 0, "1");
    }
  }
  if (step == NativeStep::kNetworkNamespace && limit && settings.max_network_namespaces) {
    if (settings.max_network_namespaces == 0) {
      return blame("user.max_net_namespaces", 0, "15000");
    }
    return "the limit user.max_net_namespaces (here " +
           std::to_string(*settings.max_network_namespaces) +
           ", lower in a namespace around this one perhaps) is reached";
  }
  // The namespace itself is granted under AppArmor's restriction, what it is good for is not.
  if (denied && settings.apparmor_restricts_user_namespaces.value_or(0) != 0) {
    return blame("kernel.apparmor_restrict_unprivileged_userns",
                 *settings.apparmor_restricts_user_namespaces, "0") +
           ", or give fairlead an AppArmor profile with the rule \"userns,\"";
  }
  if (step == NativeStep::kUserNamespace && (error_number == EINVAL || error_number == ENOSYS)) {
    return "this kernel is built without user namespaces (CONFIG_USER_NS)";
  }
  if (step == NativeStep::kNetworkNamespace && error_number == EINVAL) {
    return "this kernel is built without network namespaces (CONFIG_NET_NS)";
  }
  if (denied && settings.seccomp) {
    return "a seccomp filter is in force here, such as a container's: its engine must permit "
           "unshare and clone with new namespaces";
  }
  if (denied && step == NativeStep::kUserNamespace) {
    return "a chroot, or a security module's policy, forbids it here";
  }
  return {};
}

}  // namespace

NamespaceSettings read_namespace_settings() {
  NamespaceSettings settings;
  settings.max_user_namespaces = read_setting("/proc/sys/user/max_user_namespaces");
  settings.max_network_namespaces = read_setting("/proc/sys/user/max_net_namespaces");
  settings.unprivileged_user_namespaces =
      read_setting("/proc/sys/kernel/unprivileged_userns_clone");
  settings.apparmor_restricts_user_namespaces =
      read_setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  if (const auto status = base::read_text_file("/proc/self/status", kStatusLimit); status) {
    settings.seccomp = status->find("\nSeccomp:\t2") != std::string::npos;
  }
  settings.privileged = geteuid() == 0;
  return settings;
}

std::string explain_refusal(NativeStep step, int error_number, const NamespaceSettings& settings) {
  std::string text =
      "cannot " + attempt(step) + ": " + std::generic_category().message(error_number);
  const std::string why = culprit(step, error_number, settings);
  return why.empty() ? text : text + " (" + why + ")";
}

}  // namespace fairlead::engine
