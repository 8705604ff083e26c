#include "supervisor/daemon/supervisor_config.h"

#include "base/json_bounds.h"

namespace fairlead::daemon {

using base::integer_from;
using config::Json;

namespace {

std::uint16_t port_from(const Json& value) {
  const auto port = integer_from<std::uint16_t>(value);
  if (port == 0) throw Json::other_error::create(600, "no port has the number 0", &value);
  return port;
}

base::Error too_many_ports() {
  return base::plain_error("more than " + std::to_string(config::kMaxDeclaredPorts) +
                           " ports would be declared");
}

// Keys of attributes may be many, and objects of the control protocol are small
// (base/json_bounds.h):
// {"ports":[["3000",{…}],…],"other":{…}}.
Json attributes_to_json(const config::PortsAttributes& attributes) {
  Json object = attributes.to_json();
  Json ports = Json::array();
  const Json by_key = object.value("ports", Json::object());
  for (const auto& [key, value] : by_key.items()) {
    ports.push_back(Json::array({key, value}));
  }
  object["ports"] = std::move(ports);
  return object;
}

base::Result<config::PortsAttributes> attributes_from_list(Json object) {
  const Json list = object.value("ports", Json::array());
  if (!list.is_array() || list.size() > config::kMaxAttributeKeys) {
    return base::plain_error("attributes: no list of keys, or too many");
  }
  Json ports = Json::object();
  for (const Json& one : list) ports[one.at(0).get<std::string>()] = one.at(1);
  object["ports"] = std::move(ports);
  return config::PortsAttributes::from_json(object);
}

}  // namespace

Json to_json(const ForwardingRules& rules) {
  Json declared = Json::array();
  for (const config::DeclaredPort& port : rules.declared) {
    declared.push_back(
        {{"port", port.container_port}, {"service", port.service}, {"wished", port.wished_host}});
  }
  Json host_ports = Json::array();
  for (const auto& [port, host] : rules.host_ports) {
    host_ports.push_back({{"port", port}, {"host", host}});
  }
  Json nat_ports = Json::array();
  for (const auto& [port, wanted] : rules.nat.ports) {
    nat_ports.push_back({{"port", port}, {"wanted", wanted}});
  }
  return {{"declared", declared},
          {"attributes", attributes_to_json(rules.attributes)},
          {"hostPorts", host_ports},
          {"maxAutoForwards", rules.max_auto_forwards},
          {"relay", rules.relay ? std::string(name_of(*rules.relay)) : "auto"},
          {"removed", rules.removed},
          {"configFile", rules.config_file},
          {"service", rules.service},
          {"ownService", rules.own_service},
          {"nat", rules.nat.everywhere ? Json(*rules.nat.everywhere) : Json()},
          {"natPorts", nat_ports},
          {"sidecar", rules.sidecar},
          {"browser", rules.browser}};
}

base::Result<ForwardingRules> rules_from_json(const Json& document) {
  try {
    ForwardingRules rules;
    for (const Json& item : document.at("declared")) {
      rules.declared.push_back({port_from(item.at("port")), item.at("service").get<std::string>(),
                                integer_from<std::uint16_t>(item.at("wished"))});
    }
    if (rules.declared.size() > config::kMaxDeclaredPorts) return too_many_ports();
    auto attributes = attributes_from_list(document.at("attributes"));
    if (!attributes) return attributes.error();
    rules.attributes = std::move(*attributes);
    for (const Json& item : document.value("hostPorts", Json::array())) {
      rules.host_ports[port_from(item.at("port"))] = port_from(item.at("host"));
    }
    rules.max_auto_forwards = integer_from<std::size_t>(document.at("maxAutoForwards"));
    rules.relay = relay_kind(document.value("relay", "auto"));
    for (const Json& port : document.value("removed", Json::array())) {
      rules.removed.insert(port_from(port));
    }
    rules.config_file = document.value("configFile", "");
    rules.service = document.value("service", "");
    rules.own_service = document.value("ownService", "");
    if (const Json wanted = document.value("nat", Json()); !wanted.is_null()) {
      rules.nat.everywhere = wanted.get<bool>();
    }
    for (const Json& item : document.value("natPorts", Json::array())) {
      rules.nat.ports[port_from(item.at("port"))] = item.at("wanted").get<bool>();
    }
    rules.sidecar = document.value("sidecar", false);
    rules.browser = document.value("browser", std::vector<std::string>());
    return rules;
  } catch (const Json::exception& failure) {
    return base::plain_error("forwarding rules: " + std::string(failure.what()));
  }
}

base::Result<void> change_rules(ForwardingRules& rules, const std::string& op,
                                const Json& request) {
  if (op == "remove") {
    const auto port = request.value("port", Json());
    if (!port.is_number_unsigned() || port > 65535 || port == 0) {
      return base::plain_error("this is no port: " + port.dump());
    }
    const auto number = port.get<std::uint16_t>();
    std::erase_if(rules.declared,
                  [&](const config::DeclaredPort& one) { return one.container_port == number; });
    rules.removed.insert(number);
    return {};
  }
  auto given = rules_from_json(request.value("rules", Json()));
  if (!given) return given.error();
  if (op == "configure" && !request.value("merge", false)) {
    rules = std::move(*given);
    return {};
  }
  auto declared = rules.declared;
  config::merge_declared(declared, given->declared, rules.own_service);
  if (declared.size() > config::kMaxDeclaredPorts) return too_many_ports();
  rules.declared = std::move(declared);
  for (const config::DeclaredPort& port : given->declared) rules.removed.erase(port.container_port);
  if (op == "add") return {};
  rules.max_auto_forwards = given->max_auto_forwards;
  if (given->relay) rules.relay = given->relay;
  rules.sidecar |= given->sidecar;
  return {};
}

Json to_json(const SupervisorConfig& config) {
  return {{"state", config.state_path},    {"endpoint", config.engine_endpoint},
          {"cli", config.engine_cli},      {"container", config.container_id},
          {"name", config.container_name}, {"workspace", config.workspace},
          {"logLevel", config.log_level},  {"logFormat", config.log_format},
          {"rules", to_json(config.rules)}};
}

base::Result<SupervisorConfig> config_from_json(const Json& document) {
  try {
    SupervisorConfig config;
    config.state_path = document.at("state").get<std::string>();
    config.engine_endpoint = document.at("endpoint").get<std::string>();
    config.engine_cli = document.at("cli").get<std::string>();
    config.container_id = document.at("container").get<std::string>();
    config.container_name = document.at("name").get<std::string>();
    config.workspace = document.at("workspace").get<std::string>();
    config.log_level = document.at("logLevel").get<std::string>();
    config.log_format = document.at("logFormat").get<std::string>();
    auto rules = rules_from_json(document.at("rules"));
    if (!rules) return rules.error();
    config.rules = std::move(*rules);
    return config;
  } catch (const Json::exception& failure) {
    return base::plain_error("supervisor configuration: " + std::string(failure.what()));
  }
}

base::Result<SupervisorConfig> parse_supervisor_config(std::string_view text) {
  if (base::exceeds(text, base::kMostJsonLevels, base::kMostJsonKeys)) {
    return base::plain_error("supervisor configuration: nested too deep, or too many keys");
  }
  return config_from_json(Json::parse(text, nullptr, false));
}

}  // namespace fairlead::daemon
