#include "registry/lease_table.h"

#include <algorithm>
#include <utility>

#include "base/json_bounds.h"

namespace fairlead::registry {
namespace {

using base::integer_from;
using nlohmann::json;

std::uint16_t port_of(const json& object, const char* key) {
  const auto port = integer_from<std::uint16_t>(object.at(key));
  if (port == 0) throw json::other_error::create(600, "port", &object);
  return port;
}

Lease lease_from(const json& object) {
  Lease lease;
  lease.host_port = port_of(object, "host_port");
  lease.container_port = port_of(object, "container_port");
  lease.container_id = object.at("container_id").get<std::string>();
  lease.workspace = object.at("workspace").get<std::string>();
  lease.service = object.value("service", "");
  lease.label = object.value("label", "");
  lease.owner.pid = integer_from<std::int64_t>(object.at("pid"));
  lease.owner.start_ticks = integer_from<std::uint64_t>(object.at("start_ticks"));
  lease.owner.boot_id = object.at("boot_id").get<std::string>();
  lease.raw = object;
  return lease;
}

void write_service(json& object, const std::string& service) {
  if (service.empty()) {
    object.erase("service");
  } else {
    object["service"] = service;
  }
}

// Whether a reservation is for what somebody wants, or has.
template <class Holder>
bool is_for(const Reservation& entry, const Holder& holder) {
  return entry.workspace == holder.workspace && entry.container_port == holder.container_port &&
         entry.service == holder.service;
}

json to_json(const Lease& lease) {
  json object = lease.raw;
  object["host_port"] = lease.host_port;
  object["container_port"] = lease.container_port;
  write_service(object, lease.service);
  object["container_id"] = lease.container_id;
  object["workspace"] = lease.workspace;
  object["label"] = lease.label;
  object["pid"] = lease.owner.pid;
  object["start_ticks"] = lease.owner.start_ticks;
  object["boot_id"] = lease.owner.boot_id;
  return object;
}

Reservation reservation_from(const json& object) {
  return {port_of(object, "host_port"),
          port_of(object, "container_port"),
          object.value("service", ""),
          object.at("workspace").get<std::string>(),
          integer_from<std::int64_t>(object.at("released_at")),
          object};
}

json to_json(const Reservation& reservation) {
  json object = reservation.raw;
  object["host_port"] = reservation.host_port;
  object["container_port"] = reservation.container_port;
  write_service(object, reservation.service);
  object["workspace"] = reservation.workspace;
  object["released_at"] = reservation.released_at;
  return object;
}

}  // namespace

LeaseTable::Parsed LeaseTable::parse(std::string_view text) {
  Parsed result;
  if (base::nests_deeper_than(text, base::kMostJsonLevels)) return {Verdict::kCorrupt, {}};
  try {
    const json document = json::parse(text);
    const auto version = integer_from<std::int64_t>(document.at("version"));
    if (version > kRegistryVersion) return {Verdict::kNewerVersion, {}};
    if (version < 1) return {Verdict::kCorrupt, {}};
    for (const json& entry : document.at("entries")) {
      result.table.leases_.push_back(lease_from(entry));
    }
    for (const json& entry : document.value("reserved", json::array())) {
      result.table.reservations_.push_back(reservation_from(entry));
    }
    result.table.raw_ = document;
  } catch (const json::exception&) {
    return {Verdict::kCorrupt, {}};
  }
  return result;
}

std::string LeaseTable::to_text() const {
  json document = raw_;
  document["version"] = kRegistryVersion;
  document["entries"] = json::array();
  document["reserved"] = json::array();
  for (const Lease& lease : leases_) document["entries"].push_back(to_json(lease));
  for (const Reservation& entry : reservations_) document["reserved"].push_back(to_json(entry));
  return document.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

void LeaseTable::remember(const Lease& lease, std::int64_t now) {
  std::erase_if(reservations_, [&](const Reservation& entry) {
    return entry.host_port == lease.host_port || is_for(entry, lease);
  });
  reservations_.push_back(
      {lease.host_port, lease.container_port, lease.service, lease.workspace, now, json::object()});
  if (reservations_.size() > kMaxReservations) {
    reservations_.erase(reservations_.begin(),
                        reservations_.end() - static_cast<std::ptrdiff_t>(kMaxReservations));
  }
}

bool LeaseTable::prune(const std::function<bool(const base::ProcessIdentity&)>& is_alive,
                       std::int64_t now) {
  const auto dead = std::stable_partition(
      leases_.begin(), leases_.end(), [&](const Lease& lease) { return is_alive(lease.owner); });
  const std::vector<Lease> gone(dead, leases_.end());
  leases_.erase(dead, leases_.end());
  for (const Lease& lease : gone) remember(lease, now);
  return !gone.empty();
}

void LeaseTable::add(Lease lease) {
  // Whoever was recorded for this number no longer has it: we have just bound it.
  std::erase_if(leases_, [&](const Lease& other) { return other.host_port == lease.host_port; });
  std::erase_if(reservations_, [&](const Reservation& entry) {
    return entry.host_port == lease.host_port || is_for(entry, lease);
  });
  leases_.push_back(std::move(lease));
}

void LeaseTable::release(std::uint16_t host_port, const base::ProcessIdentity& owner,
                         std::int64_t now) {
  const auto ours = std::find_if(leases_.begin(), leases_.end(), [&](const Lease& lease) {
    return lease.host_port == host_port && lease.owner == owner;
  });
  if (ours == leases_.end()) return;
  const Lease lease = *ours;
  leases_.erase(ours);
  remember(lease, now);
}

void LeaseTable::set_leases_of(const base::ProcessIdentity& owner,
                               const std::vector<Lease>& leases) {
  std::erase_if(leases_, [&](const Lease& lease) { return lease.owner == owner; });
  for (const Lease& lease : leases) {
    // Whoever is recorded for the number by now has bound it after us: a successor's record stays.
    const bool succeeded = std::any_of(leases_.begin(), leases_.end(), [&](const Lease& other) {
      return other.host_port == lease.host_port;
    });
    if (!succeeded) add(lease);
  }
}

LeaseTable::Candidates::Candidates(const LeaseTable& table, const LeaseRequest& request,
                                   std::int64_t now)
    : table_(table), request_(request), now_(now) {
  upward_ = std::max<std::uint32_t>(request.preferred(), kFirstUnprivilegedPort);
  for (const Reservation& entry : table.reservations_) {
    if (is_for(entry, request)) remembered_ = entry.host_port;
  }
}

bool LeaseTable::Candidates::blocked(std::uint32_t port) const {
  if (port < kFirstUnprivilegedPort && !request_.may_be_privileged) return true;
  for (const Lease& lease : table_.leases_) {
    if (lease.host_port == port) return true;
  }
  for (const Reservation& entry : table_.reservations_) {
    if (entry.host_port == port && entry.workspace != request_.workspace &&
        // A time to come (a clock set back, a forged file) keeps nobody out. No subtraction of what
        // the file says: it may be any number.
        entry.released_at <= now_ && entry.released_at > now_ - kExclusiveSeconds) {
      return true;
    }
  }
  return false;
}

std::optional<std::uint16_t> LeaseTable::Candidates::next() {
  if (request_.no_other_number) {
    if (std::exchange(stage_, 1) != 0 || blocked(request_.preferred())) return std::nullopt;
    return request_.preferred();
  }
  if (stage_ == 0) {  // the number this workspace had before, unless another is asked for by name
    stage_ = 1;
    if (remembered_ && request_.wished == 0 && !blocked(*remembered_)) return remembered_;
  }
  if (stage_ == 1) {
    stage_ = 2;
    if (!blocked(request_.preferred())) return request_.preferred();
  }
  if (stage_ == 2) {  // the number asked for by name is not to be had: then the remembered one
    stage_ = 3;
    if (remembered_ && request_.wished != 0 && !blocked(*remembered_)) return remembered_;
  }
  for (; steps_left_ > 0; --steps_left_) {
    const std::uint32_t port = upward_;
    upward_ = upward_ == 65535 ? kFirstUnprivilegedPort : upward_ + 1;
    if (port == request_.preferred() || blocked(port)) continue;
    --steps_left_;
    return static_cast<std::uint16_t>(port);
  }
  return std::nullopt;
}

}  // namespace fairlead::registry
