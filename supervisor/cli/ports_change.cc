#include <cerrno>

#include "supervisor/cli/console.h"
#include "supervisor/cli/forwarding.h"
#include "supervisor/cli/options.h"
#include "supervisor/cli/selection.h"
#include "supervisor/daemon/control_client.h"
#include "supervisor/daemon/listing.h"
#include "supervisor/daemon/manage.h"

namespace fairlead::cli {
namespace {

using config::Json;

bool lists(const daemon::StateDirectory& state, const daemon::Marker& marker, unsigned port) {
  const auto listing = daemon::ask_listing(state.supervisors, marker.container_id, false);
  if (!listing) return false;
  for (const Json& forward : listing->value("forwards", Json::array())) {
    if (forward.value("containerPort", 0U) == port) return true;
  }
  return false;
}

// Of a workspace with other services beside its container: whose port is to be removed, or else the
// workspace's container.
void prefer_one(const daemon::StateDirectory& state, unsigned removed_port,
                std::vector<daemon::Marker>& markers) {
  std::vector<daemon::Marker> owners;
  if (removed_port != 0) {
    for (const daemon::Marker& marker : markers) {
      if (lists(state, marker, removed_port)) owners.push_back(marker);
    }
  }
  if (owners.size() == 1) {
    markers = std::move(owners);
  } else {
    std::erase_if(markers, [](const daemon::Marker& marker) { return !marker.service.empty(); });
  }
}

// The one supervisor that is meant; says on stderr if there is none, or more than one.
std::optional<daemon::Marker> only_supervisor(const daemon::StateDirectory& state,
                                              const SelectOptions& select, unsigned removed_port) {
  auto markers = select_supervisors(state, select);
  if (markers.size() > 1) prefer_one(state, removed_port, markers);
  if (markers.size() == 1) return markers.front();
  if (markers.empty()) {
    warn("no supervisor runs" + std::string(select.any() ? " for this selection" : "") +
         "; start one with \"fairlead up --auto-forward\" or \"fairlead forward CONTAINER\"");
    return std::nullopt;
  }
  std::string names;
  for (const daemon::Marker& marker : markers) {
    names += (names.empty() ? "" : ", ") + marker.container_name;
  }
  warn("several containers have a supervisor (" + names + "); say which by --container-id");
  return std::nullopt;
}

int ask(const PortsOptions& options, const Json& request, const std::set<std::uint16_t>& about) {
  const auto path = daemon::state_path(options.state.user_data_folder);
  const auto state = path ? daemon::StateDirectory::open(*path)
                          : base::Result<daemon::StateDirectory>(path.error());
  if (!state) {
    warn(state.error().code.value() == ENOENT ? "no supervisor runs" : state.error().message());
    return kFailure;
  }
  const auto marker = only_supervisor(*state, options.select, options.port);
  if (!marker) return kFailure;
  auto client = daemon::ControlClient::connect(state->supervisors, marker->container_id);
  auto answer =
      client ? client->ask(request, daemon::kAnswerPatience) : base::Result<Json>(client.error());
  if (!answer) {
    warn("supervisor of container " + marker->container_name + ": " + answer.error().message());
    return kFailure;
  }
  Json concerned = Json::array();
  bool missing = false;
  for (const Json& forward : answer->value("forwards", Json::array())) {
    if (!about.contains(forward.value("containerPort", std::uint16_t{0}))) continue;
    missing |= daemon::is_missing(forward);
    if (const auto line = daemon::announcement(forward); line && !options.json) {
      say(*line);
    }
    concerned.push_back(forward);
  }
  if (options.json) print_result({{"forwards", concerned}});
  return missing ? kFailure : kSuccess;
}

}  // namespace

int run_ports_add(const PortsOptions& options) {
  ForwardingOptions added;
  added.ports = options.specs;
  const auto rules = forwarding_rules(added);
  if (!rules) return kUsageError;
  std::set<std::uint16_t> about;
  for (const config::DeclaredPort& port : rules->declared) about.insert(port.container_port);
  return ask(options, {{"op", "add"}, {"rules", daemon::to_json(*rules)}}, about);
}

int run_ports_remove(const PortsOptions& options) {
  return ask(options, {{"op", "remove"}, {"port", options.port}},
             {static_cast<std::uint16_t>(options.port)});
}

}  // namespace fairlead::cli
