// The registry on disk, shared by all supervisors of one user: lock, load, apply, write, rename.
//
// Trouble with the file never keeps a port from being forwarded: then the bind alone decides, and
// the trouble is said (once each) in `warnings`. SPEC.md "Registry".
// Thread rule: one thread at a time; calls block on the lock (bounded) and the disk.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "base/private_directory.h"
#include "base/process_identity.h"
#include "base/result.h"
#include "registry/lease_table.h"
#include "registry/port_probe.h"

namespace fairlead::registry {

enum class Remap { kNone, kInUse, kPrivileged };

struct Grant {
  BoundPort bound;
  Remap remap = Remap::kNone;  // why the number is another one than preferred
};

class RegistryFile {
 public:
  static constexpr const char* kFileName = "forwarded_ports.json";
  static constexpr const char* kLockName = "forwarded_ports.lock";

  // `directory` must outlive this object.
  RegistryFile(const base::PrivateDirectory& directory, base::ProcessIdentity owner,
               std::chrono::milliseconds lock_patience = std::chrono::seconds(2))
      : directory_(directory), owner_(std::move(owner)), lock_patience_(lock_patience) {}

  // A bound host port for each request, in order, under one lock. An error only if no number at all
  // can be bound.
  std::vector<base::Result<Grant>> allocate(const std::vector<LeaseRequest>& requests);
  // The ports must have been closed by their holder already, or be about to.
  void release(const std::vector<std::uint16_t>& host_ports);
  // Settles what owners that are dead by now have left. Nothing to do is fine.
  void prune();
  // What could not be written, once more; the next change would do the same.
  void record_again();

  // What is to be told, each thing once.
  std::vector<std::string> take_warnings();

 private:
  // Loads the table under the lock, lets `change` work on it and writes it back. When the file
  // cannot be used, `change` works on an empty table that nobody keeps.
  void transact(const std::function<void(LeaseTable&)>& change);
  bool load(LeaseTable& table);
  base::Result<Grant> bind_first(const LeaseTable& table, const LeaseRequest& request,
                                 TakenNumbers& taken);
  void warn(const std::string& text);

  const base::PrivateDirectory& directory_;
  const base::ProcessIdentity owner_;
  const std::chrono::milliseconds lock_patience_;
  std::vector<Lease> mine_;
  bool unwritten_ = false;  // the file may lack some of them
  std::set<std::string> warned_;
  std::vector<std::string> warnings_;
};

}  // namespace fairlead::registry
