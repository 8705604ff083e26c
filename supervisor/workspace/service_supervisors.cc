#include "supervisor/workspace/service_supervisors.h"

#include <algorithm>
#include <tuple>

#include "supervisor/engine/project.h"

namespace fairlead::workspace {

std::vector<target::Target> other_services(std::vector<target::Target> project,
                                           const target::Target& main) {
  std::erase_if(project, [&](const target::Target& container) {
    return container.id == main.id || !container.running || container.host_network ||
           engine::is_one_off(container) || engine::service_of(container).empty();
  });
  std::sort(project.begin(), project.end(), [](const auto& a, const auto& b) {
    const auto key = [](const target::Target& container) {
      return std::tuple(engine::service_of(container), engine::number_in_service(container),
                        container.id);
    };
    return key(a) < key(b);
  });
  return project;
}

std::set<std::string> services_on_host_network(const std::vector<target::Target>& project,
                                               const target::Target& main) {
  std::set<std::string> services;
  for (const target::Target& container : project) {
    if (container.id == main.id || !container.running || !container.host_network) continue;
    if (engine::is_one_off(container) || engine::service_of(container).empty()) continue;
    services.insert(engine::service_of(container));
  }
  return services;
}

std::vector<daemon::SupervisorConfig> service_supervisors(
    daemon::SupervisorConfig& main, const std::vector<target::Target>& others) {
  std::vector<daemon::SupervisorConfig> configs;
  for (const target::Target& container : others) {
    daemon::SupervisorConfig config = main;
    config.container_id = container.id;
    config.container_name = container.name;
    config.rules.service = engine::service_of(container);
    config.rules.own_service.clear();
    config.rules.declared.clear();
    config.rules.host_ports.clear();  // numbers of the workspace's own container
    for (const config::DeclaredPort& port : main.rules.declared) {
      if (port.service != config.rules.service) continue;
      config.rules.declared.push_back({port.container_port, "", port.wished_host});
    }
    std::erase_if(main.rules.declared, [&](const config::DeclaredPort& port) {
      return port.service == config.rules.service;
    });
    configs.push_back(std::move(config));
  }
  return configs;
}

}  // namespace fairlead::workspace
