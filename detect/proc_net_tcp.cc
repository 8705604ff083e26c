#include "detect/proc_net_tcp.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>

namespace fairlead::detect {
namespace {

using base::Endpoint;
using base::Family;
using base::IpAddress;

constexpr unsigned kStateListen = 0x0A;

// Splits off the next field; fields are separated by spaces.
std::string_view next_field(std::string_view& rest) {
  const std::size_t begin = rest.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  rest.remove_prefix(begin);
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(end);
  return field;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text, int base) {
  Number value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || text.empty()) {
    return std::nullopt;
  }
  return value;
}

// The kernel prints each 32-bit word of an address as a number of this machine's byte order.
std::optional<std::uint32_t> parse_word(std::string_view text) {
  return text.size() == 8 ? parse_number<std::uint32_t>(text, 16) : std::nullopt;
}

std::optional<IpAddress> parse_address(std::string_view text, Family family) {
  const std::size_t words = family == Family::kIpv4 ? 1 : 4;
  if (text.size() != words * 8) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  for (std::size_t i = 0; i < words; ++i) {
    const auto word = parse_word(text.substr(i * 8, 8));
    if (!word) return std::nullopt;
    const std::size_t at = family == Family::kIpv4 ? 12 : i * 4;
    std::memcpy(bytes.data() + at, &*word, 4);
  }
  return IpAddress::from_bytes(bytes);
}

std::optional<Endpoint> parse_endpoint(std::string_view text, Family family) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.size() - colon != 5) return std::nullopt;
  const auto address = parse_address(text.substr(0, colon), family);
  const auto port = parse_number<std::uint16_t>(text.substr(colon + 1), 16);
  if (!address || !port) return std::nullopt;
  return Endpoint{*address, *port};
}

// "00000000:00000000", the first number of so many digits, the second of eight.
bool is_hex_pair(std::string_view text, std::size_t first_digits) {
  if (text.size() != first_digits + 9 || text[first_digits] != ':') return false;
  return parse_number<std::uint32_t>(text.substr(0, first_digits), 16).has_value() &&
         parse_word(text.substr(first_digits + 1)).has_value();
}

bool is_row_number(std::string_view text) {
  return text.size() >= 2 && text.back() == ':' &&
         parse_number<std::uint64_t>(text.substr(0, text.size() - 1), 10).has_value();
}

}  // namespace

void ProcNetTcpParser::feed(std::string_view piece) {
  while (!piece.empty()) {
    const std::size_t newline = piece.find('\n');
    const bool complete = newline != std::string_view::npos;
    const std::string_view part = piece.substr(0, newline);
    piece.remove_prefix(complete ? newline + 1 : piece.size());
    if (!skipping_long_row_ && partial_.size() + part.size() > kMaxRowLength) {
      skipping_long_row_ = true;
      partial_.clear();
      ++malformed_rows_;
    }
    if (!complete) {
      if (!skipping_long_row_) partial_.append(part);
      return;
    }
    if (skipping_long_row_) {
      skipping_long_row_ = false;
    } else if (partial_.empty()) {
      row(part);
    } else {
      partial_.append(part);
      row(partial_);
      partial_.clear();
    }
  }
}

void ProcNetTcpParser::finish() {
  if (!partial_.empty()) row(partial_);
  partial_.clear();
  skipping_long_row_ = false;
}

// "  sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …"
void ProcNetTcpParser::row(std::string_view line) {
  std::string_view rest = line;
  const std::string_view number = next_field(rest);
  if (number == "sl" || number.empty()) return;  // the heading, an empty line
  const std::string_view local = next_field(rest);
  const std::string_view remote = next_field(rest);
  const std::string_view state_text = next_field(rest);
  const std::string_view queues = next_field(rest);
  const std::string_view timer = next_field(rest);
  const std::string_view retransmits = next_field(rest);
  const std::string_view uid_text = next_field(rest);
  next_field(rest);  // timeout
  const std::string_view inode_text = next_field(rest);

  const auto endpoint = parse_endpoint(local, family_);
  const auto peer = parse_endpoint(remote, family_);
  const auto state = state_text.size() == 2 ? parse_number<unsigned>(state_text, 16) : std::nullopt;
  const auto uid = parse_number<std::uint32_t>(uid_text, 10);
  const auto inode = parse_number<std::uint64_t>(inode_text, 10);
  const bool columns_in_place =
      is_hex_pair(queues, 8) && is_hex_pair(timer, 2) && parse_word(retransmits).has_value();
  if (!columns_in_place || !is_row_number(number) || !endpoint || !peer || !state || !uid ||
      !inode) {
    ++malformed_rows_;
    return;
  }
  if (*state != kStateListen) {
    past_listeners_ = true;
    return;
  }
  if (endpoint->port == 0) {
    ++malformed_rows_;
    return;
  }
  if (snapshot_.listeners.size() >= kMaxListeners) {
    ++snapshot_.dropped;
    return;
  }
  snapshot_.listeners.push_back(Listener{*endpoint, false, *uid, *inode});
}

base::Result<Snapshot> parse_socket_tables(std::string_view text) {
  constexpr std::string_view kHeader = "  sl  local_address";
  if (!text.starts_with(kHeader)) return base::plain_error("this is no table of sockets");
  const std::size_t second = text.find(kHeader, 1);
  Snapshot snapshot;
  ProcNetTcpParser v4(base::Family::kIpv4, snapshot);
  v4.feed(text.substr(0, second));
  v4.finish();
  if (second != std::string_view::npos) {
    ProcNetTcpParser v6(base::Family::kIpv6, snapshot);
    v6.feed(text.substr(second));
    v6.finish();
  }
  normalize(snapshot);
  return snapshot;
}

}  // namespace fairlead::detect
