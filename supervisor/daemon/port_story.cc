#include "supervisor/daemon/port_story.h"

#include <algorithm>
#include <set>

namespace fairlead::daemon {

using config::Json;

Json port_story(std::uint16_t port, const StorySource& source) {
  Json story = {{"containerPort", port},
                {"containerId", source.container.container_id},
                {"containerName", source.container.container_name},
                {"engine", source.container.engine},
                {"workspace", source.container.workspace},
                {"paused", source.container.paused},
                {"initPid", source.init_pid}};
  Json& listeners = story["listeners"] = Json::array();
  std::set<std::uint16_t> others;
  for (const detect::Listener& listener : source.listeners) {
    if (listener.endpoint.port == port) {
      listeners.push_back({{"address", listener.endpoint.address.to_string()},
                           {"uid", listener.uid},
                           {"inode", listener.inode}});
    } else {
      others.insert(listener.endpoint.port);
    }
  }
  story["otherListeningPorts"] = others;
  const auto declared = std::find_if(
      source.rules.declared.begin(), source.rules.declared.end(),
      [&](const auto& one) { return one.container_port == port && one.service.empty(); });
  const bool is_declared = declared != source.rules.declared.end();
  story["declared"] = is_declared;
  story["wishedHostPort"] =
      is_declared && declared->wished_host != 0 ? declared->wished_host : port;
  const auto match = source.rules.attributes.match(port, "", "");
  if (!match.keys.empty()) {
    std::set<std::string> origins;
    std::string property;
    for (const auto& [attribute, key] : match.keys) {
      if (!origins.insert(key).second) continue;
      property += (property.empty() ? "" : " and ") + config::origin(key);
    }
    story["attributes"] = {{"values", config::to_json(match.attributes)},
                           {"property", property},
                           {"file", source.rules.config_file}};
  } else {
    story["attributes"] = Json();
  }
  story["published"] = Json();
  for (const target::PublishedPort& one : source.published) {
    if (one.container_port == port) story["published"] = one.host.to_string();
  }
  story["forward"] = Json();
  story["process"] = Json();
  story["processId"] = Json();
  for (const ForwardView& forward : source.forwards) {
    if (forward.port.container_port != port || !forward.port.service.empty()) continue;
    story["forward"] = to_json(source.container, forward);
    if (forward.process_id == 0) continue;
    story["process"] = forward.process;
    story["processId"] = forward.process_id;
  }
  return story;
}

}  // namespace fairlead::daemon
