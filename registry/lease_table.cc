#include "registry/lease_table.h"

#include <algorithm>
#include <deque>
#include <utility>

namespace fairlead::registry {
namespace {

// Whether a reservation is for what somebody wants, or has.
template <class Holder>
bool is_for(const Reservation& entry, const Holder& holder) {
  return entry.container_port == holder.container_port && entry.workspace == holder.workspace &&
         entry.service == holder.service;
}

// Erases those that `goes` is true of, and keeps the counts right.
template <class Entry, class Goes>
void erase(std::deque<Entry>& entries, std::vector<std::uint32_t>& counts, Goes goes) {
  std::erase_if(entries, [&](const Entry& entry) {
    if (!goes(entry)) return false;
    --counts[entry.host_port];
    return true;
  });
}

}  // namespace

LeaseTable::Parsed LeaseTable::parse(std::string_view text) {
  RegistryText read = parse_registry(text);
  Parsed result;
  for (const Lease& lease : read.leases) ++result.table.leased_[lease.host_port];
  for (const Reservation& entry : read.reservations) ++result.table.reserved_[entry.host_port];
  result.verdict = read.verdict;
  result.table.leases_ = std::move(read.leases);
  result.table.reservations_ = std::move(read.reservations);
  result.table.others_ = std::move(read.others);
  return result;
}

std::string LeaseTable::to_text() const { return write_registry(leases_, reservations_, others_); }

void LeaseTable::enter(Lease lease) {
  ++leased_[lease.host_port];
  leases_.push_back(std::move(lease));
}

void LeaseTable::enter(Reservation entry) {
  ++reserved_[entry.host_port];
  reservations_.push_back(std::move(entry));
}

// What is remembered of the holder's host port, or for what the holder stands for.
template <class Holder>
void LeaseTable::forget_reservations_of(const Holder& holder) {
  const auto concerns = [&](const Reservation& entry) {
    return entry.host_port == holder.host_port || is_for(entry, holder);
  };
  // Looking is cheap, moving what comes behind is not.
  if (std::any_of(reservations_.begin(), reservations_.end(), concerns)) {
    erase(reservations_, reserved_, concerns);
  }
}

void LeaseTable::remember(const Lease& lease, std::int64_t now) {
  forget_reservations_of(lease);
  enter(Reservation{lease.host_port, lease.container_port, lease.service, lease.workspace, now,
                    nlohmann::json::object()});
  while (reservations_.size() > kMaxReservations) {
    --reserved_[reservations_.front().host_port];
    reservations_.pop_front();
  }
}

bool LeaseTable::prune(const std::function<bool(const base::ProcessIdentity&)>& is_alive,
                       std::int64_t now) {
  const auto dead = std::stable_partition(
      leases_.begin(), leases_.end(), [&](const Lease& lease) { return is_alive(lease.owner); });
  const std::vector<Lease> gone(dead, leases_.end());
  leases_.erase(dead, leases_.end());
  for (const Lease& lease : gone) {
    --leased_[lease.host_port];
    remember(lease, now);
  }
  return !gone.empty();
}

void LeaseTable::add(Lease lease) {
  // Whoever was recorded for this number no longer has it: we have just bound it.
  if (leased_[lease.host_port] != 0) {
    erase(leases_, leased_, [&](const Lease& other) { return other.host_port == lease.host_port; });
  }
  forget_reservations_of(lease);
  enter(std::move(lease));
}

void LeaseTable::release(std::uint16_t host_port, const base::ProcessIdentity& owner,
                         std::int64_t now) {
  const auto ours = std::find_if(leases_.begin(), leases_.end(), [&](const Lease& lease) {
    return lease.host_port == host_port && lease.owner == owner;
  });
  if (ours == leases_.end()) return;
  const Lease lease = *ours;
  leases_.erase(ours);
  --leased_[lease.host_port];
  remember(lease, now);
}

void LeaseTable::set_leases_of(const base::ProcessIdentity& owner,
                               const std::vector<Lease>& leases) {
  erase(leases_, leased_, [&](const Lease& lease) { return lease.owner == owner; });
  for (const Lease& lease : leases) {
    // Whoever is recorded for the number by now has bound it after us: a successor's record stays.
    if (leased_[lease.host_port] == 0) add(lease);
  }
}

LeaseTable::Candidates::Candidates(const LeaseTable& table, const LeaseRequest& request,
                                   std::int64_t now, TakenNumbers* taken)
    : table_(table), request_(request), now_(now), taken_(taken) {
  upward_ = std::max<std::uint32_t>(request.preferred(), kFirstUnprivilegedPort);
  for (const Reservation& entry : table.reservations_) {
    if (is_for(entry, request)) remembered_ = entry.host_port;
  }
}

bool LeaseTable::Candidates::blocked(std::uint32_t port) const {
  if (port < kFirstUnprivilegedPort && !request_.may_be_privileged) return true;
  if (table_.leased_[port] != 0) return true;
  if (table_.reserved_[port] == 0) return false;
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
    if (taken_ != nullptr) {
      const std::uint32_t next = taken_->first_from(upward_);
      steps_left_ -= std::min(steps_left_, next - upward_);
      if (steps_left_ == 0) break;
      upward_ = next;
      if (next > 65535) {
        upward_ = kFirstUnprivilegedPort;
        continue;
      }
    }
    const std::uint32_t port = upward_;
    upward_ = upward_ == 65535 ? kFirstUnprivilegedPort : upward_ + 1;
    if (port == request_.preferred()) continue;
    if (blocked(port)) {
      if (taken_ != nullptr) taken_->take(static_cast<std::uint16_t>(port));
      continue;
    }
    --steps_left_;
    return static_cast<std::uint16_t>(port);
  }
  return std::nullopt;
}

}  // namespace fairlead::registry
