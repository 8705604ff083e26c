// Raises route_localnet of a bridge with its guard around it, and lowers it after the last one that
// wanted it. What is raised, and for whom, stands in the network's own nftables
// (guard_ledger.h), so supervisors of all users and state directories know of one another; a
// second owner table, which only one can have at a time, is the lock.
//
// SPEC.md "Kernel NAT". Thread rule: one thread's. Calls block for some milliseconds, and up to
// three seconds if somebody keeps the lock.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "relay/nat/guard_ledger.h"
#include "relay/nat/nft_context.h"

namespace fairlead::relay {

class Guard {
 public:
  // `nft` must outlive this; it holds the owner table of whoever enters.
  explicit Guard(NftContext& nft) : nft_(nft) {}

  // Whether route_localnet of an interface may be raised here at all.
  static base::Result<void> is_possible();
  // First the table of the owner (`owner_table`: how it is made), which is a guard too, then the
  // shared guard, then route_localnet. EPERM and EROFS where it cannot be raised; nothing is
  // changed then. An error in words where it is 1 already by somebody else, for the bridge or for
  // all.
  base::Result<void> enter(const std::string& bridge, const GuardLedger::Owner& owner,
                           const std::string& owner_table);
  // route_localnet first, unless others stay; then the guard. An error: it is still
  // raised, and the caller's own part of the guard has to stay.
  base::Result<void> leave();
  // An error: route_localnet was lowered by somebody, and nothing that is sent to 127/8 by way of
  // the bridge comes back any more.
  base::Result<void> check() const;
  // Puts back what somebody has taken away of the guard ("nft flush ruleset").
  base::Result<void> restore();

  // Ends what dead owners have left. Returns a sentence for each bridge.
  static base::Result<std::vector<std::string>> settle(NftContext& nft);
  struct State {
    GuardLedger ledger;
    std::set<std::string> tables;  // of every owner that lives
  };
  static base::Result<State> look(NftContext& nft);

 private:
  base::Result<void> take_out(const std::string& bridge);
  base::Result<bool> read_setting() const;
  base::Result<void> write_setting(bool raised) const;

  NftContext& nft_;
  base::UniqueFd setting_;  // open all the time: it is wanted when descriptors have run out
  std::string bridge_;
  GuardLedger::Owner owner_;
};

}  // namespace fairlead::relay
