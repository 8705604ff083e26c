// What Docker's API says, as values. Pure; the text is parsed as hostile. SPEC.md "Engines".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/engine/engine.h"
#include "target/target.h"

namespace fairlead::engine {

// The body of GET /containers/ID/json.
base::Result<target::Target> parse_docker_container(const std::string& body);
// The ids in the body of GET /containers/json, without those being removed.
base::Result<std::vector<std::string>> parse_docker_list(const std::string& body);
// The id in an answer to what makes something.
base::Result<std::string> parse_docker_created(const std::string& body);
// Whether a container in that body runs in the network of container `id`.
bool docker_list_has_sharer(const std::string& body, const std::string& id);
// The body of GET /images/NAME/json.
base::Result<ImageDescription> parse_docker_image(const std::string& body);
// What the body of GET /info says of GPUs.
struct GpuOffer {
  bool offered = false;                  // a runtime for them, or devices that the engine lists
  std::vector<std::string> cdi_folders;  // where files that describe devices may lie
};
std::optional<GpuOffer> parse_docker_gpus(const std::string& body);
// One line of GET /events; nothing for events of other kinds.
std::optional<EngineEvent> parse_docker_event(const std::string& line);
// The "message" of an error body, or the body itself, shortened.
std::string docker_message(const std::string& body);

}  // namespace fairlead::engine
