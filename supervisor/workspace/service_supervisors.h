// Supervisors of the other services of a workspace's Compose project, when all of them are to be
// forwarded. Pure. SPEC.md "Compose".
#pragma once

#include <set>
#include <string>
#include <vector>

#include "supervisor/daemon/supervisor_config.h"
#include "supervisor/engine/engine.h"

namespace fairlead::workspace {

// Of all containers of a project those that get a supervisor beside `main`'s: they run, are none of
// `run`'s, and do not share the host's network. In the order of services, then of their numbers.
std::vector<target::Target> other_services(std::vector<target::Target> project,
                                           const target::Target& main);

// Names of the other services that run on the host's network: nothing of theirs is to be forwarded.
std::set<std::string> services_on_host_network(const std::vector<target::Target>& project,
                                               const target::Target& main);

// One configuration for each of `others`, made after `main`'s: with the declared ports that name
// its service ("db:5432"; of several containers of one service the first has them), which `main`
// then has no longer.
std::vector<daemon::SupervisorConfig> service_supervisors(
    daemon::SupervisorConfig& main, const std::vector<target::Target>& others);

}  // namespace fairlead::workspace
