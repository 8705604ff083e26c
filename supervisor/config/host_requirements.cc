#include "supervisor/config/host_requirements.h"

#include <charconv>
#include <limits>

namespace fairlead::config {
namespace {

std::optional<std::uint64_t> whole_number(const Json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  // Of the kind that a document made by a program has.
  if (value.is_number_integer() && value.get<std::int64_t>() >= 0) {
    return static_cast<std::uint64_t>(value.get<std::int64_t>());
  }
  return std::nullopt;
}

std::string gigabytes(std::uint64_t bytes) {
  constexpr std::uint64_t kTenth = (1ULL << 30) / 10;
  const std::uint64_t tenths = bytes / kTenth;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GiB";
}

}  // namespace

std::optional<std::uint64_t> parse_byte_size(const Json& value) {
  if (!value.is_string()) return whole_number(value);
  const auto& text = value.get_ref<const std::string&>();
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{}) return std::nullopt;
  const std::string unit(parsed.ptr, text.data() + text.size());
  unsigned shift = 0;
  if (unit == "tb") {
    shift = 40;
  } else if (unit == "gb") {
    shift = 30;
  } else if (unit == "mb") {
    shift = 20;
  } else if (unit == "kb") {
    shift = 10;
  } else if (!unit.empty()) {
    return std::nullopt;
  }
  if (number > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
  return number << shift;
}

std::optional<Mistake> read_host_requirements(const Json& value, HostRequirements& into) {
  const PropertyPath where{"hostRequirements"};
  if (!value.is_object()) return wrong(where, "an object", value);
  for (const auto& [key, item] : value.items()) {
    if (key == "cpus") {
      into.cpus = whole_number(item);
      if (!into.cpus) return wrong(where / key, "a number of processors", item);
    } else if (key == "memory" || key == "storage") {
      const auto size = parse_byte_size(item);
      if (!size) return wrong(where / key, "a size like \"8gb\" (tb, gb, mb, kb)", item);
      (key == "memory" ? into.memory : into.storage) = size;
    } else if (key == "gpu") {
      if (!item.is_boolean() && !item.is_object() && item != "optional") {
        return wrong(where / key, "true, false, \"optional\" or an object", item);
      }
      into.gpu = item.is_object() || item == true;
    }
  }
  return std::nullopt;
}

std::vector<std::string> host_requirement_warnings(const HostRequirements& wanted,
                                                   const MachineFacts& machine) {
  std::vector<std::string> warnings;
  const auto warn = [&](const std::string& what, const std::string& there_is) {
    warnings.push_back("hostRequirements asks for " + what + "; this machine has " + there_is);
  };
  if (wanted.cpus && machine.cpus != 0 && machine.cpus < *wanted.cpus) {
    warn(std::to_string(*wanted.cpus) + " processors", std::to_string(machine.cpus));
  }
  if (wanted.memory && machine.memory != 0 && machine.memory < *wanted.memory) {
    warn(gigabytes(*wanted.memory) + " of memory", gigabytes(machine.memory));
  }
  if (wanted.storage && machine.free_storage != 0 && machine.free_storage < *wanted.storage) {
    warn(gigabytes(*wanted.storage) + " of storage", gigabytes(machine.free_storage) + " free");
  }
  if (wanted.gpu && machine.gpu == false) {
    warnings.emplace_back(
        "hostRequirements asks for a GPU; the engine has none to give (no runtime \"nvidia\", no "
        "CDI devices)");
  }
  return warnings;
}

}  // namespace fairlead::config
