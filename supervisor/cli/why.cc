#include <cerrno>

#include "detect/owner_process.h"
#include "supervisor/cli/console.h"
#include "supervisor/cli/options.h"
#include "supervisor/cli/selection.h"
#include "supervisor/cli/why_story.h"
#include "supervisor/daemon/control_client.h"
#include "supervisor/daemon/manage.h"

namespace fairlead::cli {
namespace {

using config::Json;

base::Result<Json> ask_why(const daemon::StateDirectory& state, const std::string& container_id,
                           int port) {
  auto client = daemon::ControlClient::connect(state.supervisors, container_id);
  if (!client) return client.error();
  return client->ask({{"op", "why"}, {"port", port}}, daemon::kAnswerPatience);
}

// The container whose forward has this host port, if a supervisor of ours says so.
std::string forwarding_container(const daemon::StateDirectory& state, std::uint16_t host_port) {
  for (const daemon::Marker& marker : select_supervisors(state, {})) {
    const auto listing = daemon::ask_listing(state.supervisors, marker.container_id, false);
    if (!listing) continue;
    for (const Json& forward : listing->value("forwards", Json::array())) {
      if (forward.value("hostPort", Json()) == host_port) return marker.container_name;
    }
  }
  return {};
}

HostPortHolder look_for_holder(const daemon::StateDirectory& state, std::uint16_t host_port) {
  HostPortHolder holder = daemon::find_host_port_holder(host_port);
  if (holder.taken) holder.other_container = forwarding_container(state, host_port);
  return holder;
}

// The supervisor looks up who listens on what it forwards; for the rest it is done here.
void find_process(Json& story) {
  if (!story.at("processId").is_null()) return;
  std::set<std::uint64_t> inodes;
  for (const Json& listener : story.at("listeners")) {
    if (const auto inode = listener.value("inode", std::uint64_t{0}); inode != 0) {
      inodes.insert(inode);
    }
  }
  if (inodes.empty()) return;
  const auto owners = detect::find_owners(inodes, story.value("initPid", std::int64_t{0}));
  if (owners.empty()) return;
  story["process"] = owners.begin()->second.command_line;
  story["processId"] = owners.begin()->second.pid;
}

// The host port that was wished for and is not the one it has; 0 = there is no such.
std::uint16_t missed_host_port(const Json& story) {
  const Json& forward = story.at("forward");
  if (!forward.is_object() || forward.at("hostPort").is_null()) return 0;
  const auto wished = story.at("wishedHostPort").get<std::uint16_t>();
  return forward.at("hostPort") == wished ? 0 : wished;
}

int tell(const WhyOptions& options, const daemon::StateDirectory& state,
         const std::vector<daemon::Marker>& markers) {
  int told = 0;
  bool complete = true;
  Json stories = Json::array();
  for (const daemon::Marker& marker : markers) {
    auto story = ask_why(state, marker.container_id, options.port);
    if (!story) {
      warn("supervisor of container " + marker.container_name + ": " + story.error().message());
      complete = false;
      continue;
    }
    // Of many containers only those that know the port are of interest.
    const bool knows = story->at("forward").is_object() || !story->at("listeners").empty() ||
                       !story->at("published").is_null();
    if (!knows && markers.size() > 1) continue;
    find_process(*story);
    const std::uint16_t missed = missed_host_port(*story);
    const HostPortHolder holder = missed != 0 ? look_for_holder(state, missed) : HostPortHolder{};
    ++told;
    if (options.json) {
      story->erase("v");
      story->erase("ok");
      (*story)["hostPortHolder"] = holder.taken ? Json(to_string(holder)) : Json();
      stories.push_back(std::move(*story));
      continue;
    }
    if (told > 1) print_line("");
    for (const std::string& line : tell_story(*story, holder)) print_line(line);
  }
  if (options.json) {
    print_result({{"stories", stories}});
  } else if (told == 0 && complete) {
    print_line("Nobody listens on " + std::to_string(options.port) + " in any of the " +
               std::to_string(markers.size()) +
               " supervised containers, and it is declared in none.");
  }
  return complete ? kSuccess : kFailure;
}

}  // namespace

int run_why(const WhyOptions& options) {
  const auto path = daemon::state_path(options.state.user_data_folder);
  if (!path) {
    warn(path.error().message());
    return kFailure;
  }
  const auto state = daemon::StateDirectory::open(*path);
  if (!state && state.error().code.value() != ENOENT) {
    warn(state.error().message());
    return kFailure;
  }
  const auto markers =
      state ? select_supervisors(*state, options.select) : std::vector<daemon::Marker>();
  if (markers.empty()) {
    warn("nothing is forwarded: no supervisor runs" +
         std::string(options.select.any() ? " for this selection" : "") +
         "; start one with \"fairlead up --auto-forward\" or \"fairlead forward CONTAINER\"");
    return kFailure;
  }
  return tell(options, *state, markers);
}

}  // namespace fairlead::cli
