#include "target/hosts_file.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace fairlead::target {
namespace {

constexpr unsigned kMostDots = 15;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

// The words of a line, up to a comment.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  std::size_t at = 0;
  while (at < line.size() && line[at] != '#' && line[at] != ';') {
    if (is_blank(line[at])) {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    while (at < line.size() && !is_blank(line[at]) && line[at] != '#') ++at;
    words.push_back(line.substr(begin, at - begin));
  }
  return words;
}

template <class Visit>
void for_each_line(std::string_view text, const Visit& visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    visit(words_of(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

unsigned ndots_of(std::string_view option, unsigned before) {
  constexpr std::string_view kPrefix = "ndots:";
  if (!option.starts_with(kPrefix)) return before;
  option.remove_prefix(kPrefix.size());
  unsigned value = 0;
  const auto parsed = std::from_chars(option.data(), option.data() + option.size(), value);
  if (parsed.ec != std::errc{}) return before;
  return std::min(value, kMostDots);
}

}  // namespace

bool is_host_name(std::string_view name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (name.empty() || name.size() > 253 || name.front() == '.') return false;
  if (name.find_first_not_of(kAllowed) != std::string_view::npos) return false;
  std::size_t label = 0;
  for (const char c : name) {
    label = c == '.' ? 0 : label + 1;
    if (label > 63) return false;
  }
  return name.find("..") == std::string_view::npos;
}

std::vector<base::IpAddress> addresses_in_hosts(std::string_view hosts, std::string_view name) {
  std::vector<base::IpAddress> addresses;
  for_each_line(hosts, [&](const std::vector<std::string_view>& words) {
    if (words.size() < 2 || addresses.size() == kMostAddresses) return;
    const bool named = std::any_of(words.begin() + 1, words.end(),
                                   [&](std::string_view word) { return same_name(word, name); });
    if (!named) return;
    const auto address = base::IpAddress::parse(words.front());
    if (!address || std::find(addresses.begin(), addresses.end(), *address) != addresses.end()) {
      return;
    }
    addresses.push_back(*address);
  });
  return addresses;
}

ResolverSettings parse_resolver_settings(std::string_view resolv_conf) {
  ResolverSettings settings;
  for_each_line(resolv_conf, [&](const std::vector<std::string_view>& words) {
    if (words.size() < 2) return;
    if (words.front() == "nameserver" && settings.servers.size() < kMostNameServers) {
      if (const auto server = base::IpAddress::parse(words[1])) settings.servers.push_back(*server);
    } else if (words.front() == "search" || words.front() == "domain") {
      settings.search.clear();  // the last one counts
      for (std::size_t i = 1; i < words.size() && settings.search.size() < kMostSearchDomains;
           ++i) {
        if (is_host_name(words[i])) settings.search.emplace_back(words[i]);
      }
    } else if (words.front() == "options") {
      for (const std::string_view option : words) settings.ndots = ndots_of(option, settings.ndots);
    }
  });
  return settings;
}

std::vector<std::string> names_to_ask(const std::string& name, const ResolverSettings& settings) {
  if (name.ends_with('.')) return {name};
  std::vector<std::string> names;
  for (const std::string& domain : settings.search) {
    std::string longer = name;
    longer += '.';
    longer += domain;
    if (is_host_name(longer)) names.push_back(std::move(longer));
  }
  const auto dots = static_cast<unsigned>(std::count(name.begin(), name.end(), '.'));
  names.insert(dots >= settings.ndots ? names.begin() : names.end(), name);
  return names;
}

}  // namespace fairlead::target
