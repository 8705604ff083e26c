// A Compose project by its labels alone: no file of it needs to be there. SPEC.md "down".
// Thread rule: one thread, and no other in the program (children). Blocks, bounded.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/engine/engine.h"
#include "target/target.h"

namespace fairlead::engine {

inline constexpr const char* kProjectLabel = "com.docker.compose.project";
inline constexpr const char* kServiceLabel = "com.docker.compose.service";

// Empty for a container that belongs to none.
std::string project_of(const target::Target& container);
std::string service_of(const target::Target& container);
// Made by `run`, not by `up`.
bool is_one_off(const target::Target& container);
// The how manieth of its service; 1 where it is not said.
unsigned number_in_service(const target::Target& container);

// All of the project's containers, running or not.
base::Result<std::vector<target::Target>> project_containers(Engine& engine,
                                                             const std::string& project);

// Stops them side by side; each gets `patience` before it is killed.
base::Result<void> stop_containers(const Engine& engine, const std::vector<std::string>& ids,
                                   std::chrono::seconds patience);
// Deletes them, with the volumes that have no name if `volumes`. One that is gone is no failure.
base::Result<void> remove_containers(const Engine& engine, const std::vector<std::string>& ids,
                                     bool volumes);
// Deletes the project's networks and, if `volumes`, its volumes; external ones are not its own.
base::Result<void> remove_project(const Engine& engine, const std::string& project, bool volumes);

}  // namespace fairlead::engine
