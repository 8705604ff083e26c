// Bodies and lines of Docker's API.
#include "supervisor/engine/docker_json.h"

#include "tests/fuzz/require.h"

using namespace fairlead;

FAIRLEAD_FUZZER(docker_json) {
  const std::string body(fuzz::text_of(data, size));
  if (const auto container = engine::parse_docker_container(body)) {
    fuzz::require(!container->id.empty() && container->id.find('/') == std::string::npos,
                  "a container has an id that can name a file");
    fuzz::require(container->init_pid >= 0 && container->init_pid <= INT32_MAX, "a pid is a pid");
    for (const auto& port : container->published) {
      fuzz::require(port.container_port != 0, "a published port is a port");
    }
    for (const auto& address : container->addresses) {
      fuzz::require(base::IpAddress::parse(address.to_string()) == address, "an address survives");
    }
    fuzz::require(target::short_id(container->id).size() <= 12, "a short id is short");
  }
  if (const auto ids = engine::parse_docker_list(body)) {
    fuzz::require(ids->size() <= size, "the list is bounded");
  }
  (void)engine::docker_list_has_sharer(body, "abc");
  if (const auto image = engine::parse_docker_image(body)) {
    fuzz::require(image->user.size() <= size * 4, "a user is bounded");
    for (const auto& [name, value] : image->labels) {
      fuzz::require(name.size() + value.size() <= size * 4, "a label is bounded");
    }
  }
  if (const auto event = engine::parse_docker_event(body)) {
    fuzz::require(event->container_id.size() <= size * 4, "an id is bounded");
  }
  fuzz::require(engine::docker_message(body).size() <= 500, "a message is bounded");
  return 0;
}
