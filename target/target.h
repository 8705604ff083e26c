// One container, as an engine describes it at one moment. Pure data; engines fill it in, everything
// else reads it. Nothing in here was checked: the strings come from outside and may be hostile.
// SPEC.md "Targets".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/endpoint.h"

namespace fairlead::target {

// Where a directory of ours lies in a container that was made with one. SPEC.md "Agent".
inline constexpr const char* kAgentMount = "/run/fairlead";

struct PublishedPort {
  std::uint16_t container_port = 0;
  base::Endpoint host;
};

struct Target {
  std::string engine;  // "docker"
  std::string id;      // full
  std::string name;
  bool running = false;
  bool paused = false;
  std::int64_t init_pid = 0;  // 0 = not visible here
  std::string started_at;     // as the engine writes it; changes with every start
  std::string created_at;
  bool host_network = false;
  std::string network_owner;  // id of the container whose network this one shares, else empty
  // What must occur in the control groups of a process that really is this container's init (an
  // engine elsewhere names pids that mean something else here); empty = the pid is beyond doubt.
  std::string cgroup_mark;
  std::vector<std::string> exec_prefix;  // runs a command in it when put before it; may be empty
  // The same, as root, without stdio and without waiting for its end.
  std::vector<std::string> detached_exec_prefix;
  std::vector<std::string> engine_command;  // the engine's own program, to be told more than exec
  std::string engine_address;  // where its API is asked, as that program names it; empty: nowhere
  std::string agent_source;    // what the engine has mounted at kAgentMount, on its host; or empty
  std::vector<base::IpAddress> addresses;
  std::vector<PublishedPort> published;
  std::map<std::string, std::string> labels;
  // On this host, kept by the engine; empty = not known.
  std::string hosts_path;
  std::string resolv_conf_path;
  std::string user;                      // the image's or the container's configured user
  std::vector<std::string> environment;  // "NAME=value", as the container was configured
  std::string image;                     // by the name that the container was made from
  std::string image_id;
};

// The id as file names and messages show it.
inline std::string short_id(const std::string& id) { return id.substr(0, 12); }

}  // namespace fairlead::target
