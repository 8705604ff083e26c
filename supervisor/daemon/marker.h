// What a supervisor leaves in the state directory while it lives, so that others find it.
//
//   supervisors/<id>.json   the marker        supervisors/<id>.sock   its control socket
//   supervisors/<id>.lock   held by flock for the supervisor's whole life: one per container
//
// Only the holder of the lock writes or removes the others. SPEC.md "State on disk".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/private_directory.h"
#include "base/process_identity.h"
#include "base/result.h"

namespace fairlead::daemon {

struct Marker {
  base::ProcessIdentity process;
  std::string container_id;
  std::string container_name;
  std::string workspace;
  std::string service;  // as in ForwardingRules: not empty beside the workspace's own container
  std::string started_at;
  std::string log_path;
  std::string control_socket;
  std::string version;
  std::string engine_endpoint;         // as in SupervisorConfig
  std::uint64_t namespace_cookie = 0;  // of the container's network; 0 = not known
};

// Names in the supervisors directory, by the first 12 characters of the container's id.
std::string marker_name(const std::string& container_id);
std::string socket_name(const std::string& container_id);
std::string lock_name(const std::string& container_id);
// Held by whoever ends a supervisor or settles what one has left.
std::string reap_lock_name(const std::string& container_id);

// In the state directory's "agents": of an agent that runs beside the container.
std::string side_directory_name(const std::string& container_id);

std::string to_text(const Marker& marker);
base::Result<Marker> parse_marker(const std::string& text);  // pure; errors say "corrupt"

base::Result<void> write_marker(const base::PrivateDirectory& supervisors, const Marker& marker);
// Nothing if there is none, or none that can be read.
std::optional<Marker> read_marker(const base::PrivateDirectory& supervisors,
                                  const std::string& container_id);
// Of all supervisors that live now.
std::vector<Marker> living_markers(const base::PrivateDirectory& supervisors);

}  // namespace fairlead::daemon
