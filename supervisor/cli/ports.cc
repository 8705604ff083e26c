#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>

#include "base/clock.h"
#include "supervisor/cli/console.h"
#include "supervisor/cli/options.h"
#include "supervisor/cli/selection.h"
#include "supervisor/cli/table.h"
#include "supervisor/daemon/manage.h"

namespace fairlead::cli {
namespace {

using config::Json;

constexpr int kWaitPollMs = 50;

struct Collected {
  Json forwards = Json::array();
  bool complete = true;
};

// The forwards of all selected supervisors. One that does not answer is named on stderr.
Collected collect(const PortsOptions& options, const daemon::StateDirectory& state) {
  Collected result;
  for (const daemon::Marker& marker : select_supervisors(state, options.select)) {
    const auto listing = daemon::ask_listing(state.supervisors, marker.container_id, false);
    if (!listing) {
      warn("supervisor of container " + marker.container_name + ": " + listing.error().message());
      result.complete = false;
      continue;
    }
    for (const Json& forward : listing->value("forwards", Json::array())) {
      result.forwards.push_back(forward);
    }
  }
  return result;
}

std::string text_of(const Json& forward, const char* key) {
  const auto found = forward.find(key);
  if (found == forward.end() || found->is_null()) return "-";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

void print_table(const Json& forwards) {
  Table table(
      {"CONTAINER", "PORT", "ADDRESS", "HOST", "STATE", "RELAY", "LABEL", "PROCESS", "REASON"});
  for (const Json& forward : forwards) {
    const bool active = !forward["hostPort"].is_null();
    const std::string host = !active                    ? "-"
                             : forward["url"].is_null() ? "127.0.0.1:" + forward["hostPort"].dump()
                                                        : text_of(forward, "url");
    table.add({text_of(forward, "containerName"), text_of(forward, "containerPort"),
               text_of(forward, "containerAddress"), host, text_of(forward, "state"),
               text_of(forward, "relay"), text_of(forward, "label"), text_of(forward, "process"),
               text_of(forward, "reason")});
  }
  table.print(stdout, isatty(STDOUT_FILENO) != 0);
}

std::optional<Json> find_forwarded(const Json& forwards, int port) {
  for (const Json& forward : forwards) {
    if (forward["containerPort"] == port && forward["state"] == "forwarding") return forward;
  }
  return std::nullopt;
}

int wait_for_port(const PortsOptions& options, const std::string& path) {
  const auto deadline =
      base::steady_now() + std::chrono::duration_cast<std::chrono::milliseconds>(
                               std::chrono::duration<double>(options.timeout_seconds));
  for (;;) {
    if (const auto state = daemon::StateDirectory::open(path); state) {
      if (const auto found = find_forwarded(collect(options, *state).forwards, options.wait_port)) {
        if (options.json) {
          print_result(*found);
        } else {
          const std::string url = text_of(*found, "url");
          print_line(url == "-" ? "127.0.0.1:" + (*found)["hostPort"].dump() : url);
        }
        return kSuccess;
      }
    }
    if (base::steady_now() >= deadline) {
      warn("container port " + std::to_string(options.wait_port) + " is not forwarded after " +
           Json(options.timeout_seconds).dump() + " s");
      return kFailure;
    }
    poll(nullptr, 0, kWaitPollMs);
  }
}

}  // namespace

int run_ports(const PortsOptions& options) {
  const auto path = daemon::state_path(options.state.user_data_folder);
  if (!path) {
    warn(path.error().message());
    return kFailure;
  }
  if (options.wait_port != 0) return wait_for_port(options, *path);
  Collected found;
  const auto state = daemon::StateDirectory::open(*path);
  if (state) {
    found = collect(options, *state);
  } else if (state.error().code.value() != ENOENT) {
    warn(state.error().message());
    return kFailure;
  }
  if (options.json) {
    print_result({{"forwards", found.forwards}});
  } else {
    print_table(found.forwards);
  }
  return found.complete ? kSuccess : kFailure;
}

}  // namespace fairlead::cli
