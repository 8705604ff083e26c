// Host ports and who has them: value types. SPEC.md "Registry".
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/process_identity.h"

namespace fairlead::registry {

// What a supervisor wants a host port for. `workspace` is what the number is remembered by: a
// folder, or "container:<id>" where there is none.
struct LeaseRequest {
  std::string workspace;
  std::string container_id;
  std::uint16_t container_port = 0;
  std::string service;             // the host it belongs to; empty = the workspace's container
  std::uint16_t wished = 0;        // 0 = the container's own number
  bool may_be_privileged = false;  // numbers below 1024 may be tried
  bool no_other_number = false;    // the preferred one or none
  std::string label;

  std::uint16_t preferred() const { return wished != 0 ? wished : container_port; }
};

// One line of `entries`. `others` keeps the fields that another version wrote and we do not know.
struct Lease {
  std::uint16_t host_port = 0;
  std::uint16_t container_port = 0;
  std::string service;
  std::string container_id;
  std::string workspace;
  std::string label;
  base::ProcessIdentity owner;
  nlohmann::json others = nlohmann::json::object();
};

// One line of `reserved`: a number that was released and is remembered for its workspace.
struct Reservation {
  std::uint16_t host_port = 0;
  std::uint16_t container_port = 0;
  std::string service;
  std::string workspace;
  std::int64_t released_at = 0;  // seconds since the epoch
  nlohmann::json others = nlohmann::json::object();
};

}  // namespace fairlead::registry
