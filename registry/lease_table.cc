#include "registry/lease_table.h"

#include <algorithm>
#include <utility>

namespace fairlead::registry {
namespace {

// Whether a reservation is for what somebody wants, or has.
template <class Holder>
bool is_for(const Reservation& entry, const Holder& holder) {
  return entry.workspace == holder.workspace && entry.container_port == holder.container_port &&
         entry.service == holder.service;
}

}  // namespace

LeaseTable::Parsed LeaseTable::parse(std::string_view text) {
  RegistryText read = parse_registry(text);
  Parsed result;
  result.verdict = read.verdict;
  result.table.leases_ = std::move(read.leases);
  result.table.reservations_ = std::move(read.reservations);
  result.table.others_ = std::move(read.others);
  return result;
}

std::string LeaseTable::to_text() const { return write_registry(leases_, reservations_, others_); }

void LeaseTable::remember(const Lease& lease, std::int64_t now) {
  std::erase_if(reservations_, [&](const Reservation& entry) {
    return entry.host_port == lease.host_port || is_for(entry, lease);
  });
  reservations_.push_back({lease.host_port, lease.container_port, lease.service, lease.workspace,
                           now, nlohmann::json::object()});
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
