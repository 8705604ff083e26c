#include "supervisor/config/variables.h"

#include <nettle/sha2.h>

#include <algorithm>
#include <array>

namespace fairlead::config {
namespace {

std::string base_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

// More than this of one text is an attack on the memory; variables beyond it stay as they are.
constexpr std::size_t kMaxSubstituted = 4U << 20;

// "NAME" or "NAME:default", as it stands behind "localEnv:".
std::string from_environment(std::string_view text, const EnvironmentLookup& lookup) {
  const std::size_t colon = text.find(':');
  const std::string name(text.substr(0, colon));
  auto value = lookup ? lookup(name) : std::nullopt;
  if (value) return std::move(*value);
  return colon == std::string_view::npos ? std::string() : std::string(text.substr(colon + 1));
}

std::optional<std::string> container_variable(std::string_view variable,
                                              const EnvironmentLookup& container_env) {
  constexpr std::string_view kKind = "containerEnv:";
  if (!container_env || !variable.starts_with(kKind)) return std::nullopt;
  return from_environment(variable.substr(kKind.size()), container_env);
}

std::optional<std::string> value_of(std::string_view variable, const VariableContext& context) {
  const std::size_t colon = variable.find(':');
  const std::string_view kind = variable.substr(0, colon);
  if ((kind == "localEnv" || kind == "env") && colon != std::string_view::npos) {
    return from_environment(variable.substr(colon + 1), context.local_env);
  }
  if (variable == "localWorkspaceFolder") return context.local_workspace_folder;
  if (variable == "localWorkspaceFolderBasename") {
    return base_name(context.local_workspace_folder);
  }
  if (variable == "devcontainerId") return context.devcontainer_id;
  if (!context.container_workspace_folder.empty()) {
    if (variable == "containerWorkspaceFolder") return context.container_workspace_folder;
    if (variable == "containerWorkspaceFolderBasename") {
      return base_name(context.container_workspace_folder);
    }
  }
  return container_variable(variable, context.container_env);
}

// Replaces each ${…} that `look_up` knows.
template <class LookUp>
std::string replace_variables(std::string_view text, LookUp look_up) {
  std::string result;
  while (!text.empty()) {
    const std::size_t begin = text.find("${");
    result.append(text.substr(0, begin));
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) {
      result.append(text);
      break;
    }
    const auto value = result.size() < kMaxSubstituted ? look_up(text.substr(2, end - 2))
                                                       : std::optional<std::string>();
    result.append(value ? *value : std::string(text.substr(0, end + 1)));
    text.remove_prefix(end + 1);
  }
  return result;
}

}  // namespace

std::string substitute(std::string_view text, const VariableContext& context) {
  return replace_variables(text,
                           [&](std::string_view variable) { return value_of(variable, context); });
}

std::string substitute_container_env(std::string_view text,
                                     const EnvironmentLookup& container_env) {
  return replace_variables(
      text, [&](std::string_view variable) { return container_variable(variable, container_env); });
}

Json substitute_all(const Json& value, const VariableContext& context) {
  if (value.is_string()) return substitute(value.get_ref<const std::string&>(), context);
  if (value.is_array()) {
    Json result = Json::array();
    for (const Json& item : value) result.push_back(substitute_all(item, context));
    return result;
  }
  if (value.is_object()) {
    Json result = Json::object();
    auto& members = result.get_ref<Json::object_t&>();  // keys differ: no need to look for them
    for (const auto& [key, item] : value.items()) {
      members.emplace_back(key, substitute_all(item, context));
    }
    return result;
  }
  return value;
}

std::string devcontainer_id(const std::map<std::string, std::string>& id_labels) {
  const std::string text =
      nlohmann::json(id_labels).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::array<std::uint8_t, SHA256_DIGEST_SIZE> digest{};
  sha256_ctx hash;
  sha256_init(&hash);
  sha256_update(&hash, text.size(), reinterpret_cast<const std::uint8_t*>(text.data()));
  sha256_digest(&hash, digest.size(), digest.data());
  // The digest as one big number in base 32: 256 bits are 51.2 digits, so five bits from the right.
  std::string digits;
  unsigned bits = 0;
  unsigned held = 0;
  for (auto byte = digest.rbegin(); byte != digest.rend(); ++byte) {
    held |= static_cast<unsigned>(*byte) << bits;
    for (bits += 8; bits >= 5; bits -= 5) {
      digits.push_back("0123456789abcdefghijklmnopqrstuv"[held & 31U]);
      held >>= 5;
    }
  }
  digits.push_back("0123456789abcdefghijklmnopqrstuv"[held & 31U]);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

}  // namespace fairlead::config
