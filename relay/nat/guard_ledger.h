// For whom route_localnet is raised on which bridge, and what keeps the raised ones safe: the
// contents of the one nftables table that all supervisors of a network share. Pure: text in, text
// out.
//
// A bridge with route_localnet lets its containers reach this host's own loopback (CVE-2020-8558),
// unless what they send to or from 127/8 is dropped first. SPEC.md "Kernel NAT". Thread rule:
// values.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fairlead::relay {

struct GuardLedger {
  static constexpr const char* kTable = "fairlead-guard";

  struct Owner {
    std::string table;     // it lives as long as this table of its own does
    std::int64_t pid = 0;  // for people; of whichever process namespace it was in

    bool operator==(const Owner&) const = default;
  };
  struct Bridge {
    std::vector<Owner> owners;
    bool guarded = true;  // all of its rules are there

    bool operator==(const Bridge&) const = default;
  };
  std::map<std::string, Bridge> bridges;

  bool operator==(const GuardLedger&) const = default;

  // Whether `owner` stands there, and all that protects `bridge`.
  bool has(const std::string& bridge, const std::string& owner) const;
  void enter(const std::string& bridge, const Owner& owner);
  void leave(const std::string& bridge, const std::string& owner);
  // Takes out the owners whose table is not among `tables`.
  void prune(const std::set<std::string>& tables);
  // Takes out and returns the bridges that nobody needs any more.
  std::set<std::string> take_idle();
};

// Of `nft --json list table ip fairlead-guard`. Every bridge that is named there is in it, one of
// which a rule is missing as not guarded; what is not understood is passed over. EBADMSG: no JSON.
base::Result<GuardLedger> parse_guard(const std::string& json);

// A transaction for nft after which the table says just this; the table goes if nothing is left.
std::string render_guard(const GuardLedger& ledger);

// The chains, as they stand in a table, that drop what the bridges' containers send to or from
// 127/8, and what a rule of somebody else has turned to 127/8 afterwards.
std::string guard_chains(const std::set<std::string>& bridges);

// Whether an interface's name can be said in nft's language: letters, digits, and ".-_@".
bool can_be_said(std::string_view interface);

}  // namespace fairlead::relay
