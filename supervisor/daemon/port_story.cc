#include "supervisor/daemon/port_story.h"

#include <algorithm>
#include <set>

namespace fairlead::daemon {

using config::Json;

namespace {

// {"values":{…},"sources":{attribute:property},"file":…}; null if none is set.
Json attributes_of(std::uint16_t port, const ForwardView* known, const ForwardingRules& rules) {
  const auto match = known != nullptr ? config::PortsAttributes::Match{known->port.attributes,
                                                                       known->port.attribute_keys}
                                      : rules.attributes.match(port, rules.service, "");
  if (match.attributes == config::PortAttributes{}) return {};
  Json sources = Json::object();
  for (const auto& [attribute, key] : match.keys) sources[attribute] = config::origin(key);
  return {{"values", config::to_json(match.attributes)},
          {"sources", std::move(sources)},
          {"file", rules.config_file}};
}

}  // namespace

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
  // The container's own port; the same number of another host only if there is no such.
  const ForwardView* known = nullptr;
  for (const ForwardView& forward : source.forwards) {
    if (forward.port.container_port != port) continue;
    if (known == nullptr || forward.port.service.empty()) known = &forward;
  }
  story["declared"] = known != nullptr && known->port.declared;
  story["wishedHostPort"] =
      known != nullptr && known->port.wished_host != 0 ? known->port.wished_host : port;
  story["attributes"] = attributes_of(port, known, source.rules);
  story["published"] = Json();
  for (const target::PublishedPort& one : source.published) {
    if (one.container_port == port) story["published"] = one.host.to_string();
  }
  story["forward"] = Json();
  story["process"] = Json();
  story["processId"] = Json();
  if (known != nullptr) {
    story["forward"] = to_json(source.container, *known);
    if (known->port.process.pid != 0) {
      story["process"] = known->port.process.command_line;
      story["processId"] = known->port.process.pid;
    }
  }
  return story;
}

}  // namespace fairlead::daemon
