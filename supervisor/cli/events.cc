#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <set>

#include "base/clock.h"
#include "supervisor/cli/console.h"
#include "supervisor/cli/options.h"
#include "supervisor/cli/selection.h"
#include "supervisor/daemon/control_client.h"

namespace fairlead::cli {
namespace {

using config::Json;
using std::chrono::milliseconds;

constexpr int kReaderPollMs = 100;

// One supervisor that is listened to.
struct Source {
  daemon::ControlClient client;
  std::string container_name;
  std::uint64_t next = 0;
};

class Events {
 public:
  explicit Events(const EventsOptions& options) : options_(options) {}

  int run(const std::string& path) {
    do {
      if (const auto state = daemon::StateDirectory::open(path); state) {
        find_sources(*state);
      } else if (state.error().code.value() != ENOENT) {
        warn(state.error().message());
        return kFailure;
      }
      print_new();
      if (std::fflush(stdout) != 0) return kFailure;
    } while (options_.follow && wait());
    return complete_ ? kSuccess : kFailure;
  }

 private:
  void find_sources(const daemon::StateDirectory& state) {
    for (const daemon::Marker& marker : select_supervisors(state, options_.select)) {
      if (sources_.contains(marker.container_id)) continue;
      auto client = daemon::ControlClient::connect(state.supervisors, marker.container_id);
      if (client) {
        sources_.emplace(marker.container_id, Source{std::move(*client), marker.container_name});
      } else if (!options_.follow) {
        warn("supervisor of container " + marker.container_name + ": " + client.error().message());
        complete_ = false;
      }
    }
  }

  // All of them in the order of their times, which are of one form.
  void print_new() {
    std::vector<Json> events;
    for (auto source = sources_.begin(); source != sources_.end();) {
      auto answer = source->second.client.ask({{"op", "events"}, {"since", source->second.next}},
                                              daemon::kAnswerPatience);
      if (!answer) {
        if (options_.follow) {
          events.push_back({{"time", base::to_iso8601(base::wall_now())},
                            {"type", "engine"},
                            {"state", "unsupervised"},
                            {"containerId", source->first},
                            {"containerName", source->second.container_name},
                            {"reason", "its supervisor has ended"}});
        } else {
          warn("supervisor of container " + source->second.container_name + ": " +
               answer.error().message());
          complete_ = false;
        }
        source = sources_.erase(source);
        continue;
      }
      source->second.next = answer->value("next", source->second.next);
      for (Json& event : answer->at("events")) events.push_back(std::move(event));
      ++source;
    }
    std::stable_sort(events.begin(), events.end(), [](const Json& a, const Json& b) {
      return a.value("time", "") < b.value("time", "");
    });
    for (const Json& event : events) print_result(event);
  }

  // False: whoever read us is gone.
  static bool wait() {
    pollfd reader{STDOUT_FILENO, 0, 0};
    poll(&reader, 1, kReaderPollMs);
    return (reader.revents & (POLLERR | POLLNVAL)) == 0;
  }

  const EventsOptions& options_;
  std::map<std::string, Source> sources_;  // by container id
  bool complete_ = true;
};

}  // namespace

int run_events(const EventsOptions& options) {
  const auto path = daemon::state_path(options.state.user_data_folder);
  if (!path) {
    warn(path.error().message());
    return kFailure;
  }
  return Events(options).run(*path);
}

}  // namespace fairlead::cli
