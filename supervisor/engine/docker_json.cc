#include "supervisor/engine/docker_json.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "supervisor/engine/side_container.h"

namespace fairlead::engine {
namespace {

using nlohmann::json;
using target::Target;

constexpr std::string_view kContainerNetwork = "container:";

// null and absent alike become an empty object.
const json& object_at(const json& parent, const char* key) {
  static const json kEmpty = json::object();
  const auto found = parent.find(key);
  return found != parent.end() && found->is_object() ? *found : kEmpty;
}

std::string string_at(const json& parent, const char* key) {
  const auto found = parent.find(key);
  return found != parent.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool flag_at(const json& parent, const char* key) {
  const auto found = parent.find(key);
  return found != parent.end() && found->is_boolean() && found->get<bool>();
}

// Those of an array that are strings.
std::vector<std::string> strings_at(const json& parent, const char* key) {
  std::vector<std::string> strings;
  const auto found = parent.find(key);
  if (found == parent.end() || !found->is_array()) return strings;
  for (const json& item : *found) {
    if (item.is_string()) strings.push_back(item.get<std::string>());
  }
  return strings;
}

std::map<std::string, std::string> labels_at(const json& config) {
  std::map<std::string, std::string> labels;
  for (const auto& [key, value] : object_at(config, "Labels").items()) {
    if (value.is_string()) labels[key] = value.get<std::string>();
  }
  return labels;
}

// Ids become parts of names of files and of questions to the engine.
std::string id_of(const json& description) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  auto id = description.at("Id").get<std::string>();
  if (id.empty() || id.front() == '.' || id.find_first_not_of(kAllowed) != std::string::npos) {
    throw json::other_error::create(600, "an id that is none", &description);
  }
  return id;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  if (parsed.ec != std::errc{} || port == 0) return std::nullopt;
  return port;
}

// {"4000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4000"}], "5000/tcp": null}
void read_published(const json& ports, Target& container) {
  for (const auto& [key, bindings] : ports.items()) {
    const auto port = parse_port(key);
    if (!port || key.find("/tcp") == std::string::npos || !bindings.is_array()) continue;
    for (const json& binding : bindings) {
      if (!binding.is_object()) continue;
      const auto host_port = parse_port(string_at(binding, "HostPort"));
      const auto address = base::IpAddress::parse(string_at(binding, "HostIp"));
      container.published.push_back(
          {*port, {address.value_or(base::IpAddress::any4()), host_port.value_or(0)}});
    }
  }
}

void read_addresses(const json& networks, Target& container) {
  for (const auto& [name, network] : networks.items()) {
    if (!network.is_object()) continue;
    for (const char* key : {"IPAddress", "GlobalIPv6Address"}) {
      if (const auto address = base::IpAddress::parse(string_at(network, key))) {
        container.addresses.push_back(*address);
      }
    }
  }
}

void read_agent_mount(const json& description, Target& container) {
  const auto mounts = description.find("Mounts");
  if (mounts == description.end() || !mounts->is_array()) return;
  for (const json& mount : *mounts) {
    if (!mount.is_object() || string_at(mount, "Destination") != target::kAgentMount) continue;
    container.agent_source = string_at(mount, "Source");
  }
}

Target to_target(const json& document) {
  Target container;
  container.engine = "docker";
  container.id = id_of(document);
  container.name = string_at(document, "Name");
  if (container.name.starts_with('/')) container.name.erase(0, 1);
  container.cgroup_mark = container.id;
  container.created_at = string_at(document, "Created");
  container.hosts_path = string_at(document, "HostsPath");
  container.resolv_conf_path = string_at(document, "ResolvConfPath");
  const json& state = object_at(document, "State");
  container.running = flag_at(state, "Running");
  container.paused = flag_at(state, "Paused");
  container.started_at = string_at(state, "StartedAt");
  if (state.contains("Pid") && state["Pid"].is_number_integer()) {
    const auto pid = state["Pid"].get<std::int64_t>();
    if (pid > 0 && pid <= INT32_MAX) container.init_pid = pid;
  }
  const std::string mode = string_at(object_at(document, "HostConfig"), "NetworkMode");
  container.host_network = mode == "host";
  if (mode.starts_with(kContainerNetwork)) {
    container.network_owner = mode.substr(kContainerNetwork.size());
  }
  const json& config = object_at(document, "Config");
  container.user = string_at(config, "User");
  container.labels = labels_at(config);
  container.environment = strings_at(config, "Env");
  container.image = string_at(config, "Image");
  container.image_id = string_at(document, "Image");
  const json& network = object_at(document, "NetworkSettings");
  read_published(object_at(network, "Ports"), container);
  read_addresses(object_at(network, "Networks"), container);
  read_agent_mount(document, container);
  return container;
}

}  // namespace

base::Result<Target> parse_docker_container(const std::string& body) {
  try {
    return to_target(json::parse(body));
  } catch (const json::exception& failure) {
    return base::plain_error("Docker described a container in a way that makes no sense: " +
                             std::string(failure.what()));
  }
}

base::Result<std::vector<std::string>> parse_docker_list(const std::string& body) {
  try {
    std::vector<std::string> ids;
    for (const json& item : json::parse(body)) {
      if (string_at(item, "State") == "removing") continue;
      ids.push_back(id_of(item));
    }
    return ids;
  } catch (const json::exception& failure) {
    return base::plain_error("Docker listed containers in a way that makes no sense: " +
                             std::string(failure.what()));
  }
}

base::Result<std::string> parse_docker_created(const std::string& body) {
  try {
    return id_of(json::parse(body));
  } catch (const json::exception& failure) {
    return base::plain_error("Docker answered in a way that makes no sense: " +
                             std::string(failure.what()));
  }
}

bool docker_list_has_sharer(const std::string& body, const std::string& id) {
  const json document = json::parse(body, nullptr, false);
  if (!document.is_array()) return false;
  const std::string wanted = std::string(kContainerNetwork) + id;
  return std::any_of(document.begin(), document.end(), [&](const json& item) {
    // One of ours listens to nothing.
    if (item.is_object() && object_at(item, "Labels").contains(kSideLabel)) return false;
    return item.is_object() && string_at(object_at(item, "HostConfig"), "NetworkMode") == wanted;
  });
}

base::Result<ImageDescription> parse_docker_image(const std::string& body) {
  try {
    const json document = json::parse(body);
    if (!document.is_object()) return base::plain_error("Docker described an image as no object");
    ImageDescription image;
    image.id = string_at(document, "Id");
    const json& config = object_at(document, "Config");
    image.user = string_at(config, "User");
    image.labels = labels_at(config);
    image.env = strings_at(config, "Env");
    image.entrypoint = strings_at(config, "Entrypoint");
    image.command = strings_at(config, "Cmd");
    return image;
  } catch (const json::exception& failure) {
    return base::plain_error("Docker described an image in a way that makes no sense: " +
                             std::string(failure.what()));
  }
}

std::optional<GpuOffer> parse_docker_gpus(const std::string& body) {
  const json document = json::parse(body, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  GpuOffer offer;
  offer.offered = object_at(document, "Runtimes").contains("nvidia");
  if (const auto devices = document.find("DiscoveredDevices");
      devices != document.end() && devices->is_array()) {
    offer.offered |= std::any_of(devices->begin(), devices->end(), [](const json& device) {
      return device.is_object() && string_at(device, "Source") == "cdi";
    });
  }
  offer.cdi_folders = strings_at(document, "CDISpecDirs");
  return offer;
}

std::optional<EngineEvent> parse_docker_event(const std::string& line) {
  const json document = json::parse(line, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  const std::string type = string_at(document, "Type");
  const std::string action = string_at(document, "Action");
  EngineEvent event;
  if (type == "network") {
    if (action != "connect" && action != "disconnect") return std::nullopt;
    event.kind = EngineEvent::Kind::kNetworkChanged;
    event.container_id =
        string_at(object_at(object_at(document, "Actor"), "Attributes"), "container");
    return event;
  }
  if (type != "container") return std::nullopt;
  event.container_id = string_at(object_at(document, "Actor"), "ID");
  if (action == "start")
    event.kind = EngineEvent::Kind::kStarted;
  else if (action == "die")
    event.kind = EngineEvent::Kind::kEnded;
  else if (action == "pause")
    event.kind = EngineEvent::Kind::kPaused;
  else if (action == "unpause")
    event.kind = EngineEvent::Kind::kUnpaused;
  else if (action == "destroy")
    event.kind = EngineEvent::Kind::kRemoved;
  else
    return std::nullopt;
  return event;
}

std::string docker_message(const std::string& body) {
  const json document = json::parse(body, nullptr, false);
  std::string message = document.is_object() ? string_at(document, "message") : std::string();
  if (message.empty()) message = body;
  return message.substr(0, 500);
}

}  // namespace fairlead::engine
