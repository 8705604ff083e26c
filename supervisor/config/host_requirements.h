// `hostRequirements`: what a configuration would like the machine to have. Only ever a warning.
// Pure. SPEC.md "Configuration".
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/config/jsonc.h"
#include "supervisor/config/property.h"

namespace fairlead::config {

struct HostRequirements {
  std::optional<std::uint64_t> cpus;
  std::optional<std::uint64_t> memory;   // bytes
  std::optional<std::uint64_t> storage;  // bytes
  bool gpu = false;                      // "optional" asks for nothing

  bool operator==(const HostRequirements&) const = default;
};

// "8gb", "512mb", "1tb", "64kb", "123", or a number: bytes, in powers of 1024.
std::optional<std::uint64_t> parse_byte_size(const Json& value);
std::optional<Mistake> read_host_requirements(const Json& value, HostRequirements& into);

struct MachineFacts {  // 0 or nothing: not known, so no warning
  std::uint64_t cpus = 0;
  std::uint64_t memory = 0;
  std::uint64_t free_storage = 0;
  std::optional<bool> gpu;  // whether the engine can give one
};

// One sentence for each requirement that the machine does not meet.
std::vector<std::string> host_requirement_warnings(const HostRequirements& wanted,
                                                   const MachineFacts& machine);

}  // namespace fairlead::config
