#include "supervisor/daemon/event_journal.h"

#include <algorithm>

namespace fairlead::daemon {
namespace {

using config::Json;

bool is_active(const std::string& state) { return !state.empty() && state != "not-forwarding"; }

}  // namespace

void EventJournal::observe(const ContainerView& container, const std::string& engine_state,
                           const std::vector<ForwardView>& forwards, base::WallTime now) {
  stamp_ = {{"time", base::to_iso8601(now)}};
  const Json who = {{"containerId", container.container_id},
                    {"containerName", container.container_name}};
  if (std::exchange(engine_state_, engine_state) != engine_state) {
    Json event = {{"type", "engine"}, {"state", engine_state}};
    event.update(who);
    record(std::move(event));
  }
  decltype(known_) current;
  for (const ForwardView& view : forwards) {
    Known seen{state_of(container, view), view.host_port, relay_of(view),
               reason_of(container, view)};
    const std::pair key(view.port.container_port, view.port.service);
    const auto before = known_.find(key);
    compare(container, view, before != known_.end() ? &before->second : nullptr, seen);
    current[key] = std::move(seen);
  }
  for (const auto& [key, gone] : known_) {
    if (current.contains(key) || !is_active(gone.state)) continue;
    Json event = {{"type", "withdrawn"}};
    event.update(who);
    event.update({{"containerPort", key.first},
                  {"service", key.second.empty() ? Json() : Json(key.second)},
                  {"hostPort", gone.host_port},
                  {"relay", gone.relay},
                  {"reason", engine_state == "running" ? "nobody listens any more"
                                                       : "the container does not run"}});
    record(std::move(event));
  }
  known_ = std::move(current);
}

void EventJournal::compare(const ContainerView& container, const ForwardView& view,
                           const Known* before, const Known& now) {
  const bool was_active = before != nullptr && is_active(before->state);
  const auto tell = [&](const char* type) {
    const Json forward = to_json(container, view);
    Json event = {{"type", type}};
    for (const char* key : {"containerId", "containerName", "containerPort", "service", "hostPort",
                            "url", "label", "process", "state", "relay", "relayReason", "reason"}) {
      event[key] = forward.value(key, Json());
    }
    record(std::move(event));
  };
  const auto tell_end = [&] {
    const Json forward = to_json(container, view);
    Json event = {{"type", "withdrawn"}};
    for (const char* key : {"containerId", "containerName", "containerPort", "service"}) {
      event[key] = forward.value(key, Json());
    }
    event["hostPort"] = before->host_port;
    event["relay"] = before->relay;
    event["reason"] = is_active(now.state) ? "host port changes" : now.reason;
    record(std::move(event));
  };
  if (!is_active(now.state)) {
    if (was_active) tell_end();
    if (before == nullptr || was_active || before->reason != now.reason) tell("not-forwarding");
    return;
  }
  if (was_active && before->host_port != now.host_port) tell_end();
  if (!was_active || before->host_port != now.host_port || before->state != now.state) {
    tell("forwarding");
  } else if (before->relay != now.relay) {
    tell("relay-changed");
  }
}

void EventJournal::record(Json event) {
  Json stamped = stamp_;
  stamped.update(event);
  kept_.push_back(std::move(stamped));
  if (kept_.size() <= kMostKept) return;
  kept_.pop_front();
  ++first_;
}

EventJournal::Page EventJournal::since(std::uint64_t from) const {
  Page page;
  page.next = first_ + kept_.size();
  for (std::uint64_t number = std::max(from, first_); number < page.next; ++number) {
    page.events.push_back(kept_[number - first_]);
  }
  return page;
}

}  // namespace fairlead::daemon
