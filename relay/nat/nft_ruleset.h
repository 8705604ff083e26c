// What backend `nft` tells the kernel, in nft's own language, and what it answers. Pure.
// SPEC.md "Kernel NAT". Thread rule: free functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/endpoint.h"
#include "relay/nat/kernel_table.h"

namespace fairlead::relay {

// A table of our own, without an entry: sends where its map says (connections by their first
// packet alone), translates what goes out of `bridge` to an address that can be answered, forgets
// such connections soon, and drops what a container sends to or from 127/8. The kernel takes it
// away with the socket that has made it.
//
// `host_range`: what this host's own connections come from (ip_local_port_range). Translated ones
// come from other ports, one for one: their timestamps go by the numbers that their client knows,
// so that on the same four numbers as a connection of this host's own, or another's, the
// container's TIME_WAIT drops SYNs (PAWS), down to a hundred connections a second. Where that range
// is not within 32768 to 60999 (the usual one), there is no room beside it, and they come from the
// port that they have.
struct PortRange {
  std::uint16_t first = 0, last = 0;  // 0: not known
};
std::string source_ports(const PortRange& host_range, const std::string& which);
std::string owner_table(const std::string& table, const std::string& bridge, std::size_t most,
                        const PortRange& host_range);

std::string add_entry(const std::string& table, const KernelTable::Key& key,
                      const base::Endpoint& target);
std::string delete_entry(const std::string& table, const KernelTable::Key& key);
std::string flush_entries(const std::string& table);
std::string list_entries(const std::string& table);
std::string delete_table(const std::string& table);
// No translation any more; the guard stays.
std::string delete_chains(const std::string& table);

// How many connections each entry has seen, of list_entries()' answer; by the words that stand for
// the key there.
std::map<std::string, std::uint64_t> read_counters(const std::string& answer);
std::string words_of(const KernelTable::Key& key);  // "127.0.0.1 . 6 . 3000"

// The names in the answer to "list tables ip".
std::set<std::string> read_tables(const std::string& answer);

}  // namespace fairlead::relay
