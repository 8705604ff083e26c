#include "supervisor/workspace/forwarding.h"

#include "supervisor/config/personal_config.h"
#include "supervisor/daemon/listing.h"
#include "supervisor/daemon/manage.h"
#include "supervisor/daemon/reaping.h"
#include "supervisor/engine/project.h"
#include "supervisor/engine/side_container.h"
#include "supervisor/workspace/browser_choice.h"
#include "supervisor/workspace/forwarding_rules.h"
#include "supervisor/workspace/service_supervisors.h"

namespace fairlead::workspace {

using config::Json;

namespace {

using Say = std::function<void(const std::string&)>;

config::NatWish wish_of(const std::map<std::string, config::NatWish>& wishes,
                        const std::string& service) {
  const auto found = wishes.find(service);
  return found == wishes.end() ? config::NatWish{} : found->second;
}

// Configurations of the supervisors for the other services, none unless they are `wanted`; those of
// before that are not among them are ended.
base::Result<std::vector<daemon::SupervisorConfig>> find_services(engine::Engine& engine,
                                                                  bool wanted,
                                                                  const target::Target& container,
                                                                  daemon::SupervisorConfig& main,
                                                                  const Say& say) {
  std::vector<daemon::SupervisorConfig> services;
  if (wanted) {
    auto project = engine::project_containers(engine, engine::project_of(container));
    if (!project) return project.error();
    for (const std::string& service : services_on_host_network(*project, container)) {
      say("fairlead: service " + service + " uses the host's own network: its ports are on the " +
          "host already");
    }
    services = service_supervisors(main, other_services(std::move(*project), container));
  }
  std::set<std::string> kept;
  for (const daemon::SupervisorConfig& service : services) kept.insert(service.container_id);
  daemon::reap_other_services(main.state_path, main.workspace, kept);
  return services;
}

}  // namespace

base::Result<void> Forwarding::start(engine::Engine& engine, const Configuration& configuration,
                                     const target::Target& container,
                                     const std::map<std::string, config::NatWish>& nat_wishes) {
  const auto path = daemon::state_path(request_.user_data_folder);
  if (!path) return path.error();
  const config::DevcontainerConfig& config = configuration.config();
  daemon::SupervisorConfig supervisor;
  supervisor.state_path = *path;
  supervisor.engine_endpoint = engine.address().text;
  supervisor.engine_cli = engine.address().cli;
  supervisor.container_id = container.id;
  supervisor.container_name = container.name;
  supervisor.workspace = configuration.identity().folder;
  supervisor.log_level = request_.log_level;
  supervisor.log_format = request_.log_format;
  auto own = own_settings(configuration);
  if (!own) return own.error();
  supervisor.rules = forwarding_rules(request_.rules, request_.max_auto_forwards, config, *own);
  if (config.compose && !own->nat_proxy.is_said()) {
    supervisor.rules.nat = wish_of(nat_wishes, config.compose->service);
  }
  if (supervisor.rules.declared.size() > config::kMaxDeclaredPorts) {
    return base::plain_error("forwardPorts, appPort and --forward-port declare more than " +
                             std::to_string(config::kMaxDeclaredPorts) + " ports together");
  }
  supervisor.rules.config_file = configuration.identity().config_file;
  supervisor.rules.browser = choose_browser(browser_facts());
  if (supervisor.rules.sidecar) {
    if (auto made = engine::ensure_side_image(engine); !made) return made.error();
  }
  std::vector<daemon::SupervisorConfig> services;
  base::Result<void> others;
  if (!engine::project_of(container).empty()) {
    auto found = find_services(engine, own->all_services, container, supervisor, say_);
    if (found) {
      services = std::move(*found);
    } else {
      others = found.error();
    }
    for (daemon::SupervisorConfig& service : services) {
      service.rules.nat = wish_of(nat_wishes, service.rules.service);
      if (!service.rules.nat.is_said()) service.rules.nat.everywhere = own->nat_proxy.everywhere;
    }
  }
  if (auto done = ensure(supervisor); !done) return done;
  for (const daemon::SupervisorConfig& service : services) {
    if (auto done = ensure(service); !done) others = done;
  }
  return others;
}

base::Result<void> Forwarding::ensure(const daemon::SupervisorConfig& supervisor) {
  const auto listing = daemon::ensure_supervisor(supervisor);
  if (!listing) return listing.error();
  started_.push_back(supervisor.container_id);
  say_notices(*listing);
  return {};
}

// What the configuration says for fairlead alone, and over it the person's own file.
base::Result<config::Customizations> Forwarding::own_settings(const Configuration& configuration) {
  config::Customizations own = configuration.config().customizations;
  const auto path = config::personal_config_path(browser_facts().environment);
  if (!path) return own;
  auto personal = config::load_personal_config(*path);
  if (!personal) return personal.error();
  for (const std::string& warning : personal->warnings) say_("fairlead: " + warning);
  config::apply_personal(*personal, configuration.identity().folder, own);
  return own;
}

// Each is told once, by whatever answer comes first.
void Forwarding::say_notices(const Json& listing) {
  for (const Json& notice : listing.value("notices", Json::array())) {
    const std::string text = notice.get<std::string>();
    if (told_.insert(text).second) say_("fairlead: " + text);
  }
}

base::Result<void> Forwarding::announce() {
  const auto path = daemon::state_path(request_.user_data_folder);
  if (!path) return path.error();
  const auto state = daemon::StateDirectory::open(*path);
  if (!state) return state.error();
  std::string not_forwarded;
  std::string not_as_asked;
  for (const std::string& id : started_) {
    const auto listing = daemon::ask_listing(state->supervisors, id, true);
    if (!listing) return listing.error();
    say_notices(*listing);
    for (const Json& forward : listing->value("forwards", Json::array())) {
      if (const auto line = daemon::announcement(forward)) say_(*line);
      if (request_.ports_events) say_("PORT_EVENT: " + daemon::port_event(forward).dump());
      if (daemon::is_missing(forward)) {
        not_forwarded += " " + std::to_string(forward.value("containerPort", 0));
      }
      if (!forward.value("relayAsAsked", true)) {
        not_as_asked += " " + std::to_string(forward.value("containerPort", 0));
      }
    }
  }
  if (request_.strict && !not_as_asked.empty()) {
    return base::plain_error("ports that the relay asked for cannot carry:" + not_as_asked);
  }
  if (request_.strict && !not_forwarded.empty()) {
    return base::plain_error("declared ports that are not forwarded:" + not_forwarded);
  }
  return {};
}

}  // namespace fairlead::workspace
