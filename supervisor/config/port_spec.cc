#include "supervisor/config/port_spec.h"

#include <charconv>
#include <map>
#include <optional>
#include <utility>

namespace fairlead::config {
namespace {

struct Range {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  std::size_t size() const { return static_cast<std::size_t>(last - first) + 1; }
};

base::Error bad(std::string_view spec, const std::string& why) {
  return base::plain_error("port \"" + std::string(spec.substr(0, 80)) + "\": " + why);
}

bool looks_numeric(std::string_view word) {
  return !word.empty() && word.find_first_not_of("0123456789-") == std::string_view::npos &&
         word[0] != '-';
}

std::optional<std::uint16_t> parse_port(std::string_view word) {
  unsigned value = 0;
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != word.data() + word.size()) return std::nullopt;
  if (value < 1 || value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

base::Result<Range> parse_range(std::string_view spec, std::string_view word) {
  const std::size_t dash = word.find('-');
  const auto first = parse_port(word.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_port(word.substr(dash + 1));
  if (!first || !last) {
    return bad(spec, "\"" + std::string(word.substr(0, 40)) + "\" is not a port from 1 to 65535");
  }
  if (*last < *first) return bad(spec, "the range ends before it begins");
  return Range{*first, *last};
}

bool is_host_name(std::string_view word) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  return !word.empty() && word.size() <= 253 &&
         word.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t at = text.find(separator);
    words.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return words;
    text.remove_prefix(at + 1);
  }
}

}  // namespace

base::Result<std::vector<DeclaredPort>> parse_port_spec(std::string_view spec) {
  std::string_view body = spec;
  if (const std::size_t slash = body.find('/'); slash != std::string_view::npos) {
    const std::string_view protocol = body.substr(slash + 1);
    if (protocol == "udp") return bad(spec, "UDP is not supported yet");
    if (protocol != "tcp") {
      return bad(spec, "unknown protocol \"" + std::string(protocol.substr(0, 40)) + "\"");
    }
    body = body.substr(0, slash);
  }
  std::vector<std::string_view> words = split(body, ':');
  if (words.size() > 3) return bad(spec, "too many colons");

  std::optional<Range> host;
  std::string service;
  const auto container = parse_range(spec, words.back());
  if (!container) return container.error();
  words.pop_back();
  if (!words.empty() && !looks_numeric(words.back())) {
    if (!is_host_name(words.back())) {
      return bad(spec, "\"" + std::string(words.back().substr(0, 40)) + "\" is not a host name");
    }
    service = words.back();
    if (service == "localhost" || service == "127.0.0.1") service.clear();
    words.pop_back();
  }
  if (!words.empty()) {
    const auto range = parse_range(spec, words.back());
    if (!range) return range.error();
    host = *range;
    words.pop_back();
  }
  if (!words.empty()) return bad(spec, "not of the form [HOST_PORT:][SERVICE:]PORT");
  if (host && host->size() != container->size()) {
    return bad(spec, "the two ranges differ in length");
  }

  std::vector<DeclaredPort> ports;
  for (std::size_t i = 0; i < container->size(); ++i) {
    ports.push_back({static_cast<std::uint16_t>(container->first + i), service,
                     host ? static_cast<std::uint16_t>(host->first + i) : std::uint16_t{0}});
  }
  return ports;
}

void merge_declared(std::vector<DeclaredPort>& ports, const std::vector<DeclaredPort>& more,
                    const std::string& own_service) {
  std::map<std::pair<std::uint16_t, std::string>, std::size_t> places;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    places.try_emplace({ports[i].container_port, ports[i].service}, i);
  }
  for (DeclaredPort port : more) {
    if (port.service == own_service) port.service.clear();
    const auto [known, is_new] =
        places.try_emplace({port.container_port, port.service}, ports.size());
    if (is_new) {
      ports.push_back(port);
    } else if (ports[known->second].wished_host == 0) {
      ports[known->second].wished_host = port.wished_host;
    }
  }
}

std::string to_string(const DeclaredPort& port) {
  std::string text;
  if (port.wished_host != 0) text += std::to_string(port.wished_host) + ":";
  if (!port.service.empty()) text += port.service + ":";
  return text + std::to_string(port.container_port);
}

}  // namespace fairlead::config
