// `portsAttributes` and `otherPortsAttributes` whole: which attributes a port has, and by which of
// the keys. Pure. SPEC.md "Port attributes".
//
// Thread rule: values; matching is const and shares compiled expressions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "supervisor/config/expression.h"
#include "supervisor/config/port_attributes.h"

namespace fairlead::config {

inline constexpr std::size_t kMaxAttributeKeys = 4096;
inline constexpr std::size_t kMaxExpressions = 64;

class PortsAttributes {
 public:
  // Either may be a null pointer. A value of the wrong type is an error that names the property; an
  // invalid expression is a warning and skipped.
  static base::Result<PortsAttributes> parse(const Json* ports, const Json* other,
                                             std::vector<std::string>& warnings);
  // The same for whoever needs the place of the mistake.
  static std::optional<Mistake> read(const Json* ports, const Json* other, PortsAttributes& into,
                                     std::vector<std::string>& warnings);

  struct Match {
    PortAttributes attributes;
    // Attribute -> the key it came from; "otherPortsAttributes" for those.
    std::map<std::string, std::string> keys;
  };
  // `host`: "" or "localhost" for the container itself, else the service of "host:port".
  // `command_line`: "" = not known. `own_name`: another name of the container itself, "" = none.
  Match match(std::uint16_t port, std::string_view host, std::string_view command_line,
              std::string_view own_name = {}) const;

  bool has_expressions() const { return !expressions_.empty(); }  // command lines matter
  bool empty() const;

  Json to_json() const;                                         // {"ports":{…},"other":{…}}
  static base::Result<PortsAttributes> from_json(const Json&);  // as a hostile peer may write it

  bool operator==(const PortsAttributes& other) const;

 private:
  struct Entry {
    std::string key;  // as written
    PortAttributes attributes;
    bool operator==(const Entry&) const = default;
  };
  struct Range {  // a-b of the container itself, or one port of a host
    std::string host;
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    Entry entry;
    bool operator==(const Range&) const = default;
    bool holds(std::uint16_t port, std::string_view host, std::string_view own_name) const;
  };
  struct Pattern {
    Expression expression;
    Entry entry;
  };

  void add(const std::string& key, PortAttributes attributes, std::vector<std::string>& warnings);

  std::multimap<std::uint32_t, Entry> exact_;  // "3000" and "03000" are two keys of one port
  std::vector<Range> ranges_;                  // by ascending start, else in the file's order
  std::vector<Pattern> expressions_;
  std::optional<PortAttributes> other_;
};

// A key of PortsAttributes::Match in words: portsAttributes "3000", or otherPortsAttributes.
std::string origin(const std::string& key);

}  // namespace fairlead::config
