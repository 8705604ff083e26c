#include "target/dns_message.h"

#include <ares.h>
#include <netinet/in.h>

#include <array>
#include <cstring>
#include <memory>

#include "target/hosts_file.h"

namespace fairlead::target {
namespace {

constexpr int kInternet = 1;
constexpr int kTypeA = 1;
constexpr int kTypeAaaa = 28;
constexpr std::size_t kHeaderBytes = 12;

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

int read_v4(std::string_view bytes, std::vector<base::IpAddress>& addresses) {
  std::array<ares_addrttl, kMostAddresses> found{};
  int count = static_cast<int>(found.size());
  const int status =
      ares_parse_a_reply(raw(bytes), static_cast<int>(bytes.size()), nullptr, found.data(), &count);
  if (status != ARES_SUCCESS) return status;
  for (int i = 0; i < count; ++i) {
    const auto& one = found[static_cast<std::size_t>(i)];
    addresses.push_back(base::IpAddress::v4(ntohl(one.ipaddr.s_addr)));
  }
  return status;
}

int read_v6(std::string_view bytes, std::vector<base::IpAddress>& addresses) {
  std::array<ares_addr6ttl, kMostAddresses> found{};
  int count = static_cast<int>(found.size());
  const int status = ares_parse_aaaa_reply(raw(bytes), static_cast<int>(bytes.size()), nullptr,
                                           found.data(), &count);
  if (status != ARES_SUCCESS) return status;
  for (int i = 0; i < count; ++i) {
    std::array<std::uint8_t, 16> address{};
    std::memcpy(address.data(), &found[static_cast<std::size_t>(i)].ip6addr, address.size());
    addresses.push_back(base::IpAddress::from_bytes(address));
  }
  return status;
}

}  // namespace

std::optional<std::string> dns_question(const std::string& name, base::Family family,
                                        std::uint16_t id) {
  unsigned char* bytes = nullptr;
  int size = 0;
  const int type = family == base::Family::kIpv4 ? kTypeA : kTypeAaaa;
  if (ares_create_query(name.c_str(), kInternet, type, id, 1, &bytes, &size, 0) != ARES_SUCCESS) {
    return std::nullopt;
  }
  const std::unique_ptr<unsigned char, decltype(&ares_free_string)> owner(
      bytes, [](void* memory) { ares_free_string(memory); });
  return std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

DnsAnswer read_dns_answer(std::string_view bytes, base::Family family, std::uint16_t id) {
  DnsAnswer answer;
  if (bytes.size() < kHeaderBytes || bytes.size() > kMostDnsBytes) return answer;
  const unsigned char* header = raw(bytes);
  const bool is_answer = (header[2] & 0x80) != 0;
  if (!is_answer || ((header[0] << 8) | header[1]) != id) return answer;
  switch (header[3] & 0x0f) {
    case 0:
      break;
    case 3:
      answer.kind = DnsAnswer::Kind::kNone;
      return answer;
    default:
      answer.kind = DnsAnswer::Kind::kFailed;
      return answer;
  }
  const int status = family == base::Family::kIpv4 ? read_v4(bytes, answer.addresses)
                                                   : read_v6(bytes, answer.addresses);
  if (status == ARES_SUCCESS && !answer.addresses.empty()) {
    answer.kind = DnsAnswer::Kind::kAddresses;
  } else {
    answer.addresses.clear();
    answer.kind = status == ARES_ENODATA || status == ARES_SUCCESS ? DnsAnswer::Kind::kNone
                                                                   : DnsAnswer::Kind::kFailed;
  }
  return answer;
}

}  // namespace fairlead::target
