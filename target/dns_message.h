// Questions to a name server and its answers, as bytes; c-ares writes and reads them. Pure.
// SPEC.md "Other hosts".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"

namespace fairlead::target {

inline constexpr std::size_t kMostDnsBytes = 4096;

// Nothing for a name that cannot be asked for.
std::optional<std::string> dns_question(const std::string& name, base::Family family,
                                        std::uint16_t id);

struct DnsAnswer {
  enum class Kind : std::uint8_t {
    kStray,      // no answer to this question
    kAddresses,  // some
    kNone,       // there is no such name, or it has no address of this family
    kFailed,     // the server could not tell
  } kind = Kind::kStray;
  std::vector<base::IpAddress> addresses;  // 16 at most
};
// `bytes` as they came from outside.
DnsAnswer read_dns_answer(std::string_view bytes, base::Family family, std::uint16_t id);

}  // namespace fairlead::target
