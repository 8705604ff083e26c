#include "supervisor/config/ports_attributes.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace fairlead::config {
namespace {

constexpr const char* kPorts = "portsAttributes";
constexpr const char* kOther = "otherPortsAttributes";

bool is_own(std::string_view host) {
  return host.empty() || host == "localhost" || host == "127.0.0.1";
}

// Digits only; as large as a number can be if there are too many of them.
std::optional<std::uint32_t> number(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  if (text.empty() || text.find_first_not_of(kDigits) != std::string_view::npos) {
    return std::nullopt;
  }
  std::uint32_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} ? value : UINT32_MAX;
}

// "3000-3010"
std::optional<std::pair<std::uint32_t, std::uint32_t>> range_of(std::string_view key) {
  const std::size_t dash = key.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = number(key.substr(0, dash));
  const auto last = number(key.substr(dash + 1));
  if (!first || !last) return std::nullopt;
  return std::pair(*first, *last);
}

// "db:5432"
std::optional<std::pair<std::string, std::uint32_t>> host_port(std::string_view key) {
  constexpr std::string_view kOfHosts =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
  const std::size_t colon = key.find(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const std::string_view host = key.substr(0, colon);
  const std::string_view digits = key.substr(colon + 1);
  if (host.find_first_not_of(kOfHosts) != std::string_view::npos) return std::nullopt;
  const auto port = number(digits);
  if (!port || digits.size() > 5) return std::nullopt;
  return std::pair(std::string(host), *port);
}

// Calls `visit(name, ours, theirs)` for each attribute.
template <class Ours, class Visit>
void for_each_attribute(Ours& ours, const PortAttributes& theirs, Visit visit) {
  visit("label", ours.label, theirs.label);
  visit("protocol", ours.protocol, theirs.protocol);
  visit("onAutoForward", ours.on_auto_forward, theirs.on_auto_forward);
  visit("requireLocalPort", ours.require_local_port, theirs.require_local_port);
  visit("elevateIfNeeded", ours.elevate_if_needed, theirs.elevate_if_needed);
}

enum class Precedence : std::uint8_t { kReplace, kFill };

void take(PortsAttributes::Match& match, const std::string& key, const PortAttributes& attributes,
          Precedence precedence) {
  for_each_attribute(match.attributes, attributes, [&](const char* name, auto& ours, auto& theirs) {
    if (!theirs || (ours && precedence == Precedence::kFill)) return;
    ours = theirs;
    match.keys[name] = key;
  });
}

// Whether `from` says something that is not said yet.
bool adds_to(const PortAttributes& known, const PortAttributes& from) {
  bool adds = false;
  for_each_attribute(known, from, [&](const char*, const auto& ours, const auto& theirs) {
    adds = adds || (theirs && !ours);
  });
  return adds;
}

}  // namespace

bool PortsAttributes::Range::holds(std::uint16_t port, std::string_view asked,
                                   std::string_view own_name) const {
  if (port < first || port > last) return false;
  return is_own(asked) ? is_own(host) || host == own_name : host == asked;
}

base::Result<PortsAttributes> PortsAttributes::parse(const Json* ports, const Json* other,
                                                     std::vector<std::string>& warnings) {
  PortsAttributes result;
  if (const auto mistake = read(ports, other, result, warnings)) {
    return base::plain_error(to_text(*mistake));
  }
  return result;
}

std::optional<Mistake> PortsAttributes::read(const Json* ports, const Json* other,
                                             PortsAttributes& into,
                                             std::vector<std::string>& warnings) {
  if (ports != nullptr) {
    if (!ports->is_object()) return wrong({kPorts}, "an object", *ports);
    if (ports->size() > kMaxAttributeKeys) {
      return Mistake{{kPorts}, "has more than " + std::to_string(kMaxAttributeKeys) + " keys"};
    }
    for (const auto& [key, item] : ports->items()) {
      PortAttributes attributes;
      if (auto mistake = read_port_attributes(item, PropertyPath{kPorts} / key, attributes)) {
        return mistake;
      }
      into.add(key, std::move(attributes), warnings);
    }
    std::stable_sort(into.ranges_.begin(), into.ranges_.end(),
                     [](const Range& a, const Range& b) { return a.first < b.first; });
  }
  if (other != nullptr) {
    into.other_.emplace();
    if (auto mistake = read_port_attributes(*other, {kOther}, *into.other_)) return mistake;
  }
  return std::nullopt;
}

void PortsAttributes::add(const std::string& key, PortAttributes attributes,
                          std::vector<std::string>& warnings) {
  const auto warn = [&](const std::string& what) {
    warnings.push_back(to_text(Mistake{PropertyPath{kPorts} / key, what}));
  };
  Entry entry{key, std::move(attributes)};
  if (const auto port = number(key); port && *port != 0) {
    if (*port > 65535) warn("is no port and never matches");
    exact_.emplace(*port, std::move(entry));
  } else if (const auto range = range_of(key)) {
    if (range->first > range->second) warn("ends before it begins and never matches");
    ranges_.push_back({{}, range->first, range->second, std::move(entry)});
  } else if (auto place = host_port(key)) {
    ranges_.push_back({std::move(place->first), place->second, place->second, std::move(entry)});
  } else if (expressions_.size() == kMaxExpressions) {
    warn("is one expression more than the " + std::to_string(kMaxExpressions) +
         " that are looked for");
  } else if (auto expression = Expression::compile(key); !expression) {
    warn("is no valid regular expression and has no effect: " +
         excerpt(expression.error().message()));
  } else {
    expressions_.push_back({std::move(*expression), std::move(entry)});
  }
}

PortsAttributes::Match PortsAttributes::match(std::uint16_t port, std::string_view host,
                                              std::string_view command_line,
                                              std::string_view own_name) const {
  Match result;
  if (is_own(host)) {
    const auto [begin, end] = exact_.equal_range(port);
    for (auto exact = begin; exact != end; ++exact) {
      take(result, exact->second.key, exact->second.attributes, Precedence::kReplace);
    }
  }
  for (const Range& range : ranges_) {
    if (!range.holds(port, host, own_name)) continue;
    take(result, range.entry.key, range.entry.attributes, Precedence::kFill);
  }
  if (!command_line.empty()) {
    SearchBudget budget;
    for (const Pattern& pattern : expressions_) {
      if (!adds_to(result.attributes, pattern.entry.attributes)) continue;
      if (!pattern.expression.found_in(command_line, budget)) continue;
      take(result, pattern.entry.key, pattern.entry.attributes, Precedence::kFill);
    }
  }
  if (result.keys.empty() && other_) take(result, kOther, *other_, Precedence::kFill);
  return result;
}

bool PortsAttributes::empty() const {
  return exact_.empty() && ranges_.empty() && expressions_.empty() && !other_;
}

Json PortsAttributes::to_json() const {
  Json ports = Json::object();
  auto& members = ports.get_ref<Json::object_t&>();  // keys differ: no need to look for them
  const auto write = [&](const Entry& entry) {
    members.emplace_back(entry.key, config::to_json(entry.attributes));
  };
  for (const auto& [port, entry] : exact_) write(entry);
  for (const Range& range : ranges_) write(range.entry);
  for (const Pattern& pattern : expressions_) write(pattern.entry);
  Json result = {{"ports", std::move(ports)}};
  if (other_) result["other"] = config::to_json(*other_);
  return result;
}

base::Result<PortsAttributes> PortsAttributes::from_json(const Json& document) {
  if (!document.is_object()) return base::plain_error("attributes are not an object");
  const auto ports = document.find("ports");
  const auto other = document.find("other");
  std::vector<std::string> ignored;
  return parse(ports != document.end() ? &*ports : nullptr,
               other != document.end() ? &*other : nullptr, ignored);
}

bool PortsAttributes::operator==(const PortsAttributes& other) const {
  return exact_ == other.exact_ && ranges_ == other.ranges_ && other_ == other.other_ &&
         std::equal(expressions_.begin(), expressions_.end(), other.expressions_.begin(),
                    other.expressions_.end(),
                    [](const Pattern& a, const Pattern& b) { return a.entry == b.entry; });
}

std::string origin(const std::string& key) {
  return key == kOther ? key : std::string(kPorts) + " \"" + excerpt(key) + "\"";
}

}  // namespace fairlead::config
