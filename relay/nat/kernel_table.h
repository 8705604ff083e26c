// What the kernel is told so that packets go past us: which connections to this host's own loopback
// go to a container's address. Two backends: connect_table.h, and nft_table.h where that cannot be
// had.
//
// Whoever puts an entry in listens on that endpoint already, and goes on listening: what the kernel
// does not take comes to the listener. SPEC.md "Kernel NAT". Thread rule: one thread's. Calls block
// as their backend says. Destruction takes everything back, the process' end too.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/endpoint.h"
#include "base/result.h"

namespace fairlead::relay {

class KernelTable {
 public:
  enum class Protocol : std::uint8_t { kTcp, kUdp };
  struct Key {
    base::Endpoint endpoint;  // IPv4, in 127/8
    Protocol protocol = Protocol::kTcp;
  };

  virtual ~KernelTable() = default;

  // From now on new connections to `key` go to `target` (IPv4). Replaces what was there. ENOSPC:
  // the table is full.
  virtual base::Result<void> set(const Key& key, const base::Endpoint& target) = 0;
  // New connections reach whoever listens on this host. No error if it was not there.
  virtual void remove(const Key& key) = 0;
  // Takes every entry back and ends the connections that have been sent somewhere, which is about
  // to be somebody else's: a client's SYN that is on its way would reach him. One that was just
  // being made may be missed; it is not when it is ended once more a moment later.
  virtual void end() = 0;
  // How many connections have gone that way since it was set; 0 if it is not there.
  virtual std::uint64_t connections(const Key& key) const = 0;
  // An error: the kernel does not (or no longer) do what it was told.
  virtual base::Result<void> check() = 0;
  // How often it is to be asked while there are entries.
  virtual std::chrono::seconds check_interval() const { return std::chrono::seconds(5); }
  // Becomes readable when check() is due at once; its own, or -1: there is none.
  virtual int changes() const { return -1; }
  // What the kernel does it by, for people.
  virtual const char* backend() const = 0;
};

}  // namespace fairlead::relay
