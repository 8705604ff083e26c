#include "registry/registry_text.h"

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <utility>

#include "base/json_bounds.h"

namespace fairlead::registry {
namespace {

using base::integer_from;
using nlohmann::json;
using Verdict = RegistryText::Verdict;

// Reads exactly what write_registry() writes when no other version has added anything, in any
// order; gives up at all else.
class PlainReader : public nlohmann::json_sax<json> {
 public:
  RegistryText text;
  bool complete() const { return version_ == kRegistryVersion && has_entries_; }

  bool null() override { return false; }
  bool boolean(bool) override { return false; }
  bool number_integer(number_integer_t) override { return false; }
  bool number_float(number_float_t, const string_t&) override { return false; }
  bool binary(binary_t&) override { return false; }
  bool parse_error(std::size_t, const std::string&, const json::exception&) override {
    return false;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::kTop && expected_ == "version") {
      version_ = value;
      return once(kVersion);
    }
    if (place_ != Place::kRecord) return false;
    if (expected_ == "host_port") return port(value, host_port_) && once(kHostPort);
    if (expected_ == "container_port") return port(value, container_port_) && once(kContainerPort);
    if (expected_ == "pid") return integer(value, owner_.pid) && once(kPid);
    if (expected_ == "released_at") return integer(value, released_at_) && once(kReleasedAt);
    if (expected_ != "start_ticks") return false;
    owner_.start_ticks = value;
    return once(kStartTicks);
  }
  bool string(string_t& value) override {
    if (place_ != Place::kRecord) return false;
    if (expected_ == "workspace") return take(value, workspace_, kWorkspace);
    if (expected_ == "container_id") return take(value, container_id_, kContainerId);
    if (expected_ == "boot_id") return take(value, owner_.boot_id, kBootId);
    if (expected_ == "label") return take(value, label_, kLabel);
    if (expected_ == "service") return take(value, service_, kService);
    return false;
  }
  bool key(string_t& value) override {
    expected_ = value;
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::kOutside) {
      place_ = Place::kTop;
      return true;
    }
    if (place_ != Place::kList) return false;
    place_ = Place::kRecord;
    seen_ = 0;
    service_.clear();
    label_.clear();
    return true;
  }
  bool end_object() override {
    if (place_ == Place::kTop) {
      place_ = Place::kOutside;
      return true;
    }
    place_ = Place::kList;
    return of_leases_ ? keep_lease() : keep_reservation();
  }
  bool start_array(std::size_t) override {
    if (place_ != Place::kTop) return false;
    of_leases_ = expected_ == "entries";
    if (!of_leases_ && expected_ != "reserved") return false;
    if (std::exchange(of_leases_ ? has_entries_ : has_reserved_, true)) return false;
    place_ = Place::kList;
    return true;
  }
  bool end_array() override {
    place_ = Place::kTop;
    return true;
  }

 private:
  enum class Place { kOutside, kTop, kList, kRecord };
  enum Field : unsigned {
    kHostPort = 1,
    kContainerPort = 2,
    kWorkspace = 4,
    kContainerId = 8,
    kPid = 16,
    kStartTicks = 32,
    kBootId = 64,
    kReleasedAt = 128,
    kLabel = 256,
    kService = 512,
    kVersion = 1024,
  };
  static constexpr unsigned kOfBoth = kHostPort | kContainerPort | kWorkspace;
  static constexpr unsigned kOfLease = kOfBoth | kContainerId | kPid | kStartTicks | kBootId;
  static constexpr unsigned kOfReservation = kOfBoth | kReleasedAt;

  // A second value for one key is for the document to judge.
  bool once(Field field) {
    if ((seen_ & field) != 0) return false;
    seen_ |= field;
    return true;
  }
  static bool port(number_unsigned_t value, std::uint16_t& to) {
    to = static_cast<std::uint16_t>(value);
    return value != 0 && value <= 65535;
  }
  static bool integer(number_unsigned_t value, std::int64_t& to) {
    to = static_cast<std::int64_t>(value);
    return std::in_range<std::int64_t>(value);
  }
  bool take(string_t& value, std::string& to, Field field) {
    to = std::move(value);
    return once(field);
  }
  bool keep_lease() {
    if ((seen_ & ~(kLabel | kService)) != kOfLease) return false;
    text.leases.push_back({host_port_, container_port_, service_, std::move(container_id_),
                           std::move(workspace_), label_, owner_, json::object()});
    return true;
  }
  bool keep_reservation() {
    if ((seen_ & ~kService) != kOfReservation) return false;
    text.reservations.push_back({host_port_, container_port_, service_, std::move(workspace_),
                                 released_at_, json::object()});
    return true;
  }

  Place place_ = Place::kOutside;
  std::string expected_;
  unsigned seen_ = 0;
  bool of_leases_ = false;
  bool has_entries_ = false;
  bool has_reserved_ = false;
  std::uint64_t version_ = 0;
  std::uint16_t host_port_ = 0;
  std::uint16_t container_port_ = 0;
  std::int64_t released_at_ = 0;
  std::string service_, container_id_, workspace_, label_;
  base::ProcessIdentity owner_;
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

Lease lease_from(json& object) {
  Lease lease;
  lease.host_port = taken_port(object, "host_port");
  lease.container_port = taken_port(object, "container_port");
  lease.container_id = taken_text(object, "container_id");
  lease.workspace = taken_text(object, "workspace");
  lease.service = taken_text_if_any(object, "service");
  lease.label = taken_text_if_any(object, "label");
  lease.owner.pid = integer_from<std::int64_t>(taken(object, "pid"));
  lease.owner.start_ticks = integer_from<std::uint64_t>(taken(object, "start_ticks"));
  lease.owner.boot_id = taken_text(object, "boot_id");
  lease.others = std::move(object);
  return lease;
}

Reservation reservation_from(json& object) {
  Reservation reservation;
  reservation.host_port = taken_port(object, "host_port");
  reservation.container_port = taken_port(object, "container_port");
  reservation.service = taken_text_if_any(object, "service");
  reservation.workspace = taken_text(object, "workspace");
  reservation.released_at = integer_from<std::int64_t>(taken(object, "released_at"));
  reservation.others = std::move(object);
  return reservation;
}

// Text as JSON; what is not UTF-8 is replaced.
void append_text(std::string& out, const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
  });
  if (plain) {
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
  PlainReader reader;
  if (json::sax_parse(text, &reader) && reader.complete()) return std::move(reader.text);
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
