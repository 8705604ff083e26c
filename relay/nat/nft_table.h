// Backend `nft`: rules of nftables translate the destination, and the source of what goes out of
// the bridge, so that the container answers to this host; for that the bridge needs route_localnet,
// and that needs a guard. For hosts where backend `connect` cannot be had.
//
// Takes CAP_NET_ADMIN, a writable /proc/sys, libnftables and Linux 5.12 (tables that go with their
// owner). SPEC.md "Kernel NAT". Thread rule: as kernel_table.h. Calls block for a millisecond,
// creation and destruction for some ten.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/unique_fd.h"
#include "relay/nat/guard.h"
#include "relay/nat/kernel_table.h"
#include "relay/nat/nft_context.h"

namespace fairlead::relay {

class NftTable : public KernelTable {
 public:
  static constexpr std::size_t kMostEntries = 16384;

  // For containers that are reached through `bridge`, in this process' own network.
  static base::Result<std::unique_ptr<NftTable>> create(const std::string& bridge);
  // Whether create() would come that far, for some bridge; nothing is left.
  static base::Result<void> try_out();
  // As end(): without the table no connection of it could go on.
  ~NftTable() override;

  base::Result<void> set(const Key& key, const base::Endpoint& target) override;
  void remove(const Key& key) override;
  void end() override;
  std::uint64_t connections(const Key& key) const override;
  base::Result<void> check() override;
  // With route_localnet lowered by somebody, connections hang until it is noticed.
  std::chrono::seconds check_interval() const override { return std::chrono::seconds(1); }
  int changes() const override { return changes_.get(); }
  const char* backend() const override { return "nftables"; }

 private:
  NftTable(NftContext nft, std::string name);
  static base::Result<void> is_possible();
  bool guard_has_changed();
  void take_back(const std::string& commands);

  mutable NftContext nft_;
  std::string name_;
  Guard guard_;
  base::UniqueFd changes_;  // of this network's nftables
  std::map<std::string, base::Endpoint> entries_;
  std::set<std::string> ours_;           // every key that there has been
  std::set<base::IpAddress> addresses_;  // where connections have been sent
  std::string trouble_;                  // what check() is to say
  mutable std::map<std::string, std::uint64_t> counters_;
  mutable std::chrono::steady_clock::time_point counted_{};
};

}  // namespace fairlead::relay
