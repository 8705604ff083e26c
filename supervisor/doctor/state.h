// What is in the state directory: who runs, and what killed ones have left. judge_state() is pure.
// SPEC.md "doctor" and "State on disk". Calls block on the disk, and up to a second for each
// supervisor that does not answer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "supervisor/daemon/state_directory.h"
#include "supervisor/doctor/finding.h"

namespace fairlead::doctor {

struct RunningSupervisor {
  std::string id;  // as in file names
  std::string name;
  std::int64_t pid = 0;
  bool answers = false;
};

// Files of a container that has no supervisor: nobody holds its instance lock.
struct Remains {
  std::string id;
  std::string name;      // of the container, if a marker tells
  std::int64_t pid = 0;  // of the supervisor that is no more
  std::vector<std::string> files;
  // A native run whose command lives on: its marker is how it is found again.
  bool command_lives = false;
};

struct StateFacts {
  std::string path;
  std::string trouble;  // why it cannot be used
  bool exists = false;
  bool creatable = true;  // where it does not exist
  std::uint64_t free_bytes = 0;
  bool read_only = false;
  std::vector<RunningSupervisor> running;
  std::vector<Remains> remains;
  std::vector<std::string> brief_locks;  // that nobody holds
  std::vector<std::string> temporary;    // half-written files of dead processes, relative paths
  std::vector<std::string> set_aside;    // corrupt registries
  std::size_t leases = 0;
  std::size_t dead_leases = 0;
  bool registry_corrupt = false;
  bool registry_newer = false;
  std::string registry_trouble;
  std::string lock_trouble;  // the registry's lock is held and not given back
};

// `chosen`: --user-data-folder. Changes nothing.
StateFacts read_state_facts(const std::string& chosen);
Findings judge_state(const StateFacts& facts);

// Settles what the facts name, as far as it still is so: each under its lock, nothing of the
// living. Returns what was done.
std::vector<std::string> repair_state(const StateFacts& facts);

}  // namespace fairlead::doctor
