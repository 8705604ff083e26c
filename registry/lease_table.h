// The registry's content and rules. Pure: text in, text out, time and liveness as arguments.
// SPEC.md "Registry".
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/registry_text.h"
#include "registry/taken_numbers.h"

namespace fairlead::registry {

// For this long a released number is kept for its workspace alone.
inline constexpr std::int64_t kExclusiveSeconds = 30;
inline constexpr std::size_t kMaxReservations = 4096;
inline constexpr std::uint16_t kFirstUnprivilegedPort = 1024;

class LeaseTable {
 public:
  using Verdict = RegistryText::Verdict;
  struct Parsed;
  // As parse_registry().
  static Parsed parse(std::string_view text);
  std::string to_text() const;

  // Leases of dead owners become reservations. True if there were any.
  bool prune(const std::function<bool(const base::ProcessIdentity&)>& is_alive, std::int64_t now);

  // The next number to try to bind for this request, in the order of the rules; `tried` are those
  // that turned out not to be bindable. Nothing when all are used up.
  class Candidates {
   public:
    std::optional<std::uint16_t> next();

   private:
    friend class LeaseTable;
    Candidates(const LeaseTable& table, const LeaseRequest& request, std::int64_t now,
               TakenNumbers* taken);
    bool blocked(std::uint32_t port) const;
    const LeaseTable& table_;
    const LeaseRequest& request_;
    std::int64_t now_;
    TakenNumbers* taken_;
    std::optional<std::uint16_t> remembered_;
    int stage_ = 0;
    std::uint32_t upward_ = 0;
    std::uint32_t steps_left_ = 65536;
  };
  // `request` must outlive the result, and so must `taken`: what one pass over many requests of one
  // workspace has found to be taken.
  Candidates candidates(const LeaseRequest& request, std::int64_t now,
                        TakenNumbers* taken = nullptr) const {
    return Candidates(*this, request, now, taken);
  }

  // Enters a lease whose port is bound; the reservations it makes good go.
  void add(Lease lease);
  // Removes what this owner holds on `host_port` and remembers it for the workspace.
  void release(std::uint16_t host_port, const base::ProcessIdentity& owner, std::int64_t now);
  // Makes what is recorded for `owner` exactly `leases`: heals a file that was lost in between.
  void set_leases_of(const base::ProcessIdentity& owner, const std::vector<Lease>& leases);

  const std::deque<Lease>& leases() const { return leases_; }
  const std::deque<Reservation>& reservations() const { return reservations_; }

 private:
  // How many entries there are of each host port: most questions are answered by that.
  using Counts = std::vector<std::uint32_t>;
  void enter(Lease lease);
  void enter(Reservation entry);
  void remember(const Lease& lease, std::int64_t now);
  template <class Holder>
  void forget_reservations_of(const Holder& holder);

  nlohmann::json others_ = nlohmann::json::object();
  std::deque<Lease> leases_;
  std::deque<Reservation> reservations_;  // oldest first
  Counts leased_ = Counts(65536);
  Counts reserved_ = Counts(65536);
};

struct LeaseTable::Parsed {
  Verdict verdict = Verdict::kUsable;
  LeaseTable table;
};

}  // namespace fairlead::registry
