#include "relay/nat/nft_table.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/text_file.h"
#include "relay/nat/conntrack.h"
#include "relay/nat/end_connections.h"
#include "relay/nat/netlink.h"
#include "relay/nat/nft_ruleset.h"

namespace fairlead::relay {
namespace {

// A listing of many ports asks for one after the other.
constexpr auto kCountersLast = std::chrono::milliseconds(5);

// Nobody calls an interface that.
constexpr const char* kNoInterface = "fairlead.none";

base::Result<base::UniqueFd> watch_nftables() {
  base::UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER));
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = 1U << (NFNLGRP_NFTABLES - 1);
  if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&groups), sizeof groups) != 0) {
    return base::errno_error("watch nftables");
  }
  return fd;
}

// What this host's own connections come from; nothing known: nothing.
PortRange host_port_range() {
  PortRange range;
  const auto text = base::read_text_file("/proc/sys/net/ipv4/ip_local_port_range", 64);
  if (!text) return range;
  std::istringstream words(*text);
  words >> range.first >> range.last;
  return words ? range : PortRange{};
}

// Whether an event takes something away from the guard's table. Every kind of object begins with
// the name of its table.
bool takes_from_guard(int type, std::string_view body) {
  if (type >> 8 != NFNL_SUBSYS_NFTABLES || body.size() < sizeof(nfgenmsg)) return false;
  const int event = type & 0xff;
  if (event != NFT_MSG_DELTABLE && event != NFT_MSG_DELCHAIN && event != NFT_MSG_DELRULE) {
    return false;
  }
  bool concerned = false;
  each_attribute(body.substr(NLMSG_ALIGN(sizeof(nfgenmsg))),
                 [&](int attribute, std::string_view value) {
                   if (attribute == NFTA_TABLE_NAME && text_of(value) == GuardLedger::kTable) {
                     concerned = true;
                   }
                 });
  return concerned;
}

}  // namespace

NftTable::NftTable(NftContext nft, std::string name)
    : nft_(std::move(nft)), name_(std::move(name)), guard_(nft_) {}

base::Result<void> NftTable::is_possible() {
  if (auto ends = can_end_connections(); !ends) return ends.error();
  // There is none to that address; but a kernel without conntrack's netlink says so.
  const auto forgets =
      forget_connections(base::IpAddress::v4(0), [](const auto&) { return false; });
  if (!forgets) return forgets.error();
  return Guard::is_possible();
}

base::Result<std::unique_ptr<NftTable>> NftTable::create(const std::string& bridge) {
  if (!can_be_said(bridge)) return base::plain_error("nftables: a name like " + bridge);
  if (auto possible = is_possible(); !possible) return possible.error();
  auto nft = NftContext::create();
  if (!nft) return nft.error();
  std::unique_ptr<NftTable> table(
      new NftTable(std::move(*nft), "fairlead-" + base::random_digits(16)));
  auto changes = watch_nftables();
  if (!changes) return changes.error();
  table->changes_ = std::move(*changes);
  if (const auto entered =
          table->guard_.enter(bridge, {table->name_, getpid()},
                              owner_table(table->name_, bridge, kMostEntries, host_port_range()));
      !entered) {
    return entered.error();
  }
  return table;
}

base::Result<void> NftTable::try_out() {
  if (auto possible = is_possible(); !possible) return possible.error();
  auto nft = NftContext::create();
  if (!nft) return nft.error();
  const std::string name = "trial-" + base::random_digits(16);
  const auto made = nft->run(owner_table(name, kNoInterface, 1, host_port_range()));
  if (!made) return made.error();
  static_cast<void>(nft->run(delete_table(name)));
  return {};
}

NftTable::~NftTable() {
  end();
  // route_localnet goes before the last of the guard does, which is this table's.
  if (guard_.leave()) {
    static_cast<void>(nft_.run(delete_table(name_)));
  } else {
    nft_.keep_for_ever();
  }
}

void NftTable::end() {
  entries_.clear();
  take_back(flush_entries(name_));
  for (const base::IpAddress& address : addresses_) {
    const auto forgotten = forget_connections(address, [&](const TranslatedConnection& one) {
      return ours_.contains(words_of({one.server, one.protocol}));
    });
    if (!forgotten) continue;
    // Who waits for an answer would wait for ever.
    std::vector<ConnectionEnds> ends;
    for (const TranslatedConnection& one : *forgotten) {
      if (one.protocol == Protocol::kTcp) ends.push_back({one.client, one.server});
    }
    static_cast<void>(end_connections(ends));
  }
}

// What cannot be taken back entry by entry is taken back as a whole: nothing may be sent to where
// nobody is any more. The guard stays.
void NftTable::take_back(const std::string& commands) {
  if (nft_.run(commands)) return;
  trouble_ = "nftables does not take back an entry";
  static_cast<void>(nft_.run(delete_chains(name_)));
}

base::Result<void> NftTable::set(const Key& key, const base::Endpoint& target) {
  const std::string words = words_of(key);
  const auto known = entries_.find(words);
  if (known != entries_.end() && known->second == target) return {};
  std::string commands = add_entry(name_, key, target);
  if (known != entries_.end()) {
    commands = delete_entry(name_, key) + commands;
  } else if (entries_.size() == kMostEntries) {
    return base::errno_error(ENOSPC, "tell the kernel of a forward");
  }
  if (const auto done = nft_.run(commands); !done) return done.error();
  entries_[words] = target;
  ours_.insert(words);
  addresses_.insert(target.address);
  return {};
}

void NftTable::remove(const Key& key) {
  if (entries_.erase(words_of(key)) > 0) take_back(delete_entry(name_, key));
}

std::uint64_t NftTable::connections(const Key& key) const {
  const std::string words = words_of(key);
  if (!entries_.contains(words)) return 0;
  const auto now = std::chrono::steady_clock::now();
  if (now - counted_ >= kCountersLast) {
    const auto listed = nft_.run(list_entries(name_));
    if (listed) counters_ = read_counters(*listed);
    counted_ = std::chrono::steady_clock::now();
  }
  const auto counter = counters_.find(words);
  return counter == counters_.end() ? 0 : counter->second;
}

bool NftTable::guard_has_changed() {
  bool changed = false;
  char buffer[16384];
  for (;;) {
    const ssize_t count = recv(changes_.get(), buffer, sizeof buffer, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == ENOBUFS) {  // some were lost
      changed = true;
      continue;
    }
    if (count <= 0) return changed;
    each_message({buffer, static_cast<std::size_t>(count)}, [&](int type, std::string_view body) {
      changed = changed || takes_from_guard(type, body);
    });
  }
}

base::Result<void> NftTable::check() {
  if (guard_has_changed()) {
    if (auto restored = guard_.restore(); !restored) return restored.error();
  }
  if (!trouble_.empty()) return base::plain_error(trouble_);
  return guard_.check();
}

}  // namespace fairlead::relay
