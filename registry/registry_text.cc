#include "registry/registry_text.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <optional>
#include <system_error>
#include <utility>

#include "base/json_bounds.h"

namespace fairlead::registry {
namespace {

using base::integer_from;
using nlohmann::json;
using Verdict = RegistryText::Verdict;

// Text without anything that JSON would escape.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

// Reads exactly what write_registry() writes of plain texts when no other version has added
// anything, and gives up at all else.
class WrittenText {
 public:
  explicit WrittenText(std::string_view text) : rest_(text) {}

  std::optional<RegistryText> read() {
    RegistryText text;
    int version = 0;
    const bool complete = skip("{\"version\":") && number(version) && version == kRegistryVersion &&
                          skip(",\n\"entries\":[") && list(text.leases) &&
                          skip(",\n\"reserved\":[") && list(text.reservations) && skip("}\n") &&
                          rest_.empty();
    if (!complete) return std::nullopt;
    return text;
  }

 private:
  bool skip(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  template <class Integer>
  bool number(Integer& to) {
    const bool leading_zero = rest_.starts_with('0') && rest_.size() > 1 && is_digit(rest_[1]);
    if (rest_.empty() || !is_digit(rest_.front()) || leading_zero) return false;
    const auto [end, failure] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), to);
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return failure == std::errc();
  }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  bool port(std::uint16_t& to) { return number(to) && to != 0; }
  bool text(std::string& to) {
    if (!skip("\"")) return false;
    const std::string_view found = rest_.substr(0, rest_.find('"'));
    rest_.remove_prefix(found.size());
    to = found;
    return is_plain(found) && skip("\"");
  }

  // Which ports, and of whom: how both kinds of records begin.
  template <class Record>
  bool beginning(Record& record) {
    return skip("{\"host_port\":") && port(record.host_port) && skip(",\"container_port\":") &&
           port(record.container_port) &&
           (!skip(",\"service\":") || (text(record.service) && !record.service.empty()));
  }
  bool record(Lease& lease) {
    return beginning(lease) && skip(",\"container_id\":") && text(lease.container_id) &&
           skip(",\"workspace\":") && text(lease.workspace) && skip(",\"label\":") &&
           text(lease.label) && skip(",\"pid\":") && number(lease.owner.pid) &&
           skip(",\"start_ticks\":") && number(lease.owner.start_ticks) && skip(",\"boot_id\":") &&
           text(lease.owner.boot_id) && skip("}");
  }
  bool record(Reservation& reservation) {
    return beginning(reservation) && skip(",\"workspace\":") && text(reservation.workspace) &&
           skip(",\"released_at\":") && number(reservation.released_at) && skip("}");
  }
  template <class Records>
  bool list(Records& records) {
    if (skip("]")) return true;
    do {
      if (!skip("\n") || !record(records.emplace_back())) return false;
    } while (skip(","));
    return skip("]");
  }

  std::string_view rest_;
};

json taken(json& object, const char* key) {
  json value = std::move(object.at(key));
  object.erase(key);
  return value;
}
std::string taken_text(json& object, const char* key) {
  return std::move(taken(object, key).get_ref<std::string&>());
}
std::string taken_text_if_any(json& object, const char* key) {
  return object.contains(key) ? taken_text(object, key) : std::string();
}
std::uint16_t taken_port(json& object, const char* key) {
  const auto port = integer_from<std::uint16_t>(taken(object, key));
  if (port == 0) throw json::other_error::create(600, "port", &object);
  return port;
}

// Which ports, and for whom: what both kinds of records have.
template <class Record>
Record record_from(json& object) {
  Record record;
  record.host_port = taken_port(object, "host_port");
  record.container_port = taken_port(object, "container_port");
  record.service = taken_text_if_any(object, "service");
  record.workspace = taken_text(object, "workspace");
  return record;
}

Lease lease_from(json& object) {
  auto lease = record_from<Lease>(object);
  lease.container_id = taken_text(object, "container_id");
  lease.label = taken_text_if_any(object, "label");
  lease.owner.pid = integer_from<std::int64_t>(taken(object, "pid"));
  lease.owner.start_ticks = integer_from<std::uint64_t>(taken(object, "start_ticks"));
  lease.owner.boot_id = taken_text(object, "boot_id");
  lease.others = std::move(object);
  return lease;
}

Reservation reservation_from(json& object) {
  auto reservation = record_from<Reservation>(object);
  reservation.released_at = integer_from<std::int64_t>(taken(object, "released_at"));
  reservation.others = std::move(object);
  return reservation;
}

// Text as JSON; what is not UTF-8 is replaced.
void append_text(std::string& out, const std::string& text) {
  if (is_plain(text)) {
    out.append(1, '"').append(text).append(1, '"');
  } else {
    out += json(text).dump(-1, ' ', false, json::error_handler_t::replace);
  }
}

void append_text(std::string& out, const char* key, const std::string& text) {
  out.append(",\"").append(key).append("\":");
  append_text(out, text);
}

void append_ports(std::string& out, std::uint16_t host, std::uint16_t container) {
  out.append("{\"host_port\":").append(std::to_string(host));
  out.append(",\"container_port\":").append(std::to_string(container));
}

// What is left of a record of another version, and its end.
void append_others(std::string& out, const json& others) {
  for (const auto& [key, value] : others.items()) {
    out.append(1, ',');
    append_text(out, key);
    out.append(1, ':').append(value.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  out.append(1, '}');
}

void append(std::string& out, const Lease& lease) {
  append_ports(out, lease.host_port, lease.container_port);
  if (!lease.service.empty()) append_text(out, "service", lease.service);
  append_text(out, "container_id", lease.container_id);
  append_text(out, "workspace", lease.workspace);
  append_text(out, "label", lease.label);
  out.append(",\"pid\":").append(std::to_string(lease.owner.pid));
  out.append(",\"start_ticks\":").append(std::to_string(lease.owner.start_ticks));
  append_text(out, "boot_id", lease.owner.boot_id);
  append_others(out, lease.others);
}

void append(std::string& out, const Reservation& reservation) {
  append_ports(out, reservation.host_port, reservation.container_port);
  if (!reservation.service.empty()) append_text(out, "service", reservation.service);
  append_text(out, "workspace", reservation.workspace);
  out.append(",\"released_at\":").append(std::to_string(reservation.released_at));
  append_others(out, reservation.others);
}

template <class Record>
void append_list(std::string& out, const char* name, const std::deque<Record>& records) {
  out.append(",\n\"").append(name).append("\":[");
  const char* separator = "\n";
  for (const Record& record : records) {
    out.append(std::exchange(separator, ",\n"));
    append(out, record);
  }
  out.append(1, ']');
}

}  // namespace

RegistryText parse_registry(std::string_view text) {
  if (auto written = WrittenText(text).read()) return std::move(*written);
  return parse_registry_document(text);
}

RegistryText parse_registry_document(std::string_view text) {
  RegistryText result;
  if (base::nests_deeper_than(text, base::kMostJsonLevels)) return {Verdict::kCorrupt, {}, {}, {}};
  try {
    json document = json::parse(text);
    const auto version = integer_from<std::int64_t>(taken(document, "version"));
    if (version > kRegistryVersion) return {Verdict::kNewerVersion, {}, {}, {}};
    if (version < 1) return {Verdict::kCorrupt, {}, {}, {}};
    json entries = taken(document, "entries");
    for (json& entry : entries) result.leases.push_back(lease_from(entry));
    if (document.contains("reserved")) {
      json reserved = taken(document, "reserved");
      for (json& entry : reserved) result.reservations.push_back(reservation_from(entry));
    }
    result.others = std::move(document);
  } catch (const json::exception&) {
    return {Verdict::kCorrupt, {}, {}, {}};
  }
  return result;
}

std::string write_registry(const std::deque<Lease>& leases,
                           const std::deque<Reservation>& reservations, const json& others) {
  std::string out = "{\"version\":" + std::to_string(kRegistryVersion);
  append_list(out, "entries", leases);
  append_list(out, "reserved", reservations);
  append_others(out, others);
  out.append(1, '\n');
  return out;
}

}  // namespace fairlead::registry
