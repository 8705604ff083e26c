#include "supervisor/daemon/forward_set.h"

#include <algorithm>

#include "detect/owner_process.h"
#include "relay/stream_relay.h"
#include "supervisor/daemon/reconciler.h"

namespace fairlead::daemon {
namespace {

// A connection of a port that nobody listens on any more ends by itself; this is for those that do
// not.
constexpr auto kWithdrawalDrain = std::chrono::seconds(60);

}  // namespace

void ForwardSet::apply(const Wish& wish, const DialerOf& dialer_of, std::int64_t init_pid) {
  refused_.clear();
  for (const DesiredPort& port : wish.ports) {
    if (!port.forwarded()) refused_.push_back({port, 0, false, "", {}, {}, "", 0, {}});
  }
  std::map<std::uint16_t, ActiveForward> active;
  for (const auto& [port, forward] : forwards_) {
    const DesiredPort& now = forward.view.port;
    active[port] = {now.wished_host, now.targets, now.relay};
  }
  const Plan todo = plan(wish, active);
  for (const std::uint16_t port : todo.stop) stop(port, kWithdrawalDrain);
  for (const DesiredPort& port : todo.reroute) {
    Forward& forward = forwards_.at(port.container_port);
    if (forward.relay) forward.relay->reroute({dialer_of(*port.relay), port.targets});
  }
  start(todo.start, dialer_of);
  for (const DesiredPort& port : wish.ports) {
    const auto found = forwards_.find(port.container_port);
    if (port.forwarded() && !port.undecided && found != forwards_.end()) {
      found->second.view.port = port;
    }
  }
  look_up_processes(init_pid);
  context_.on_change();
}

void ForwardSet::stop(std::uint16_t port, std::chrono::milliseconds drain) {
  const auto found = forwards_.find(port);
  if (found == forwards_.end()) return;
  Forward forward = std::move(found->second);
  forwards_.erase(found);
  if (!forward.relay) return;  // its grant will find nobody and be given back
  forward.relay->stop(drain);
  context_.log("withdrawn: container " + std::to_string(port) + " from host " +
               std::to_string(forward.view.host_port));
  release({forward.view.host_port});
  std::erase_if(draining_, [](const auto& relay) { return relay->stats().open == 0; });
  draining_.push_back(std::move(forward.relay));
}

void ForwardSet::start(const std::vector<DesiredPort>& ports, const DialerOf& dialer_of) {
  if (ports.empty()) return;
  struct Job {
    std::vector<std::shared_ptr<relay::Dialer>> dialers;
    std::vector<registry::LeaseRequest> requests;
    std::vector<std::uint64_t> generations;
    std::vector<base::Result<registry::Grant>> grants;
    std::vector<std::string> warnings;
  };
  const auto job = std::make_shared<Job>();
  for (const DesiredPort& port : ports) {
    Forward& forward = forwards_[port.container_port];
    forward.view.port = port;
    forward.generation = next_generation_++;
    registry::LeaseRequest request;
    request.workspace = context_.workspace;
    request.container_id = context_.container_id;
    request.container_port = port.container_port;
    request.wished = port.wished_host;
    request.may_be_privileged = port.wished_host != 0;
    request.label = port.attributes.label.value_or("");
    job->dialers.push_back(dialer_of(*port.relay));
    job->requests.push_back(std::move(request));
    job->generations.push_back(forward.generation);
  }
  context_.worker.run(
      [job, &registry = context_.registry] {
        job->grants = registry.allocate(job->requests);
        job->warnings = registry.take_warnings();
      },
      [this, job] {
        tell(job->warnings);
        for (std::size_t i = 0; i < job->grants.size(); ++i) {
          granted(job->requests[i].container_port, job->generations[i], job->grants[i],
                  job->dialers[i]);
        }
        context_.on_change();
      });
}

void ForwardSet::granted(std::uint16_t port, std::uint64_t generation,
                         base::Result<registry::Grant>& grant,
                         const std::shared_ptr<relay::Dialer>& dialer) {
  const auto found = forwards_.find(port);
  if (found == forwards_.end() || found->second.generation != generation) {
    if (grant) release({grant->bound.port});
    return;
  }
  if (!grant) {
    context_.warn("Not forwarding container " + std::to_string(port) + ": " +
                  grant.error().message());
    ForwardView view = found->second.view;
    view.port.refuse(Refusal::kNoHostPort, grant.error().message());
    forwards_.erase(found);
    refused_.push_back(std::move(view));
    return;
  }
  Forward& forward = found->second;
  ForwardView& view = forward.view;
  forward.pending = false;
  view.host_port = grant->bound.port;
  view.has_v6 = grant->bound.v6.valid();
  view.v6_missing = grant->bound.v6_missing;
  view.remap = grant->remap;
  view.since = base::wall_now();
  std::vector<base::UniqueFd> listeners;
  listeners.push_back(std::move(grant->bound.v4));
  if (view.has_v6) listeners.push_back(std::move(grant->bound.v6));
  forward.relay = std::make_unique<relay::StreamRelay>(context_.data_plane, std::move(listeners),
                                                       relay::Route{dialer, view.port.targets});
  context_.log("forwarding: container " + std::to_string(port) + " on host " +
               std::to_string(view.host_port));
}

void ForwardSet::release(std::vector<std::uint16_t> host_ports) {
  const auto warnings = std::make_shared<std::vector<std::string>>();
  context_.worker.run(
      [warnings, &registry = context_.registry, ports = std::move(host_ports)] {
        registry.release(ports);
        *warnings = registry.take_warnings();
      },
      [this, warnings] {
        tell(*warnings);
        context_.on_change();
      });
}

void ForwardSet::drop_all(std::chrono::milliseconds drain) {
  std::vector<std::uint16_t> host_ports;
  for (auto& [port, forward] : forwards_) {
    if (!forward.relay) continue;
    forward.relay->stop(drain);
    host_ports.push_back(forward.view.host_port);
    draining_.push_back(std::move(forward.relay));
  }
  for (auto& relay : draining_) relay->stop(drain);
  forwards_.clear();
  refused_.clear();
  if (!host_ports.empty()) release(std::move(host_ports));
  if (drain.count() == 0) draining_.clear();
  context_.on_change();
}

void ForwardSet::look_up_processes(std::int64_t init_pid) {
  std::set<std::uint64_t> inodes;
  for (auto& [port, forward] : forwards_) {
    const std::uint64_t inode = forward.view.port.inode;
    if (inode == forward.looked_up_inode) continue;
    forward.looked_up_inode = inode;
    forward.view.process.clear();
    forward.view.process_id = 0;
    if (inode != 0) inodes.insert(inode);
  }
  if (inodes.empty()) return;
  const auto owners = std::make_shared<std::map<std::uint64_t, detect::OwnerProcess>>();
  context_.worker.run(
      [owners, inodes, init_pid] { *owners = detect::find_owners(inodes, init_pid); },
      [this, owners] {
        for (auto& [port, forward] : forwards_) {
          const auto owner = owners->find(forward.view.port.inode);
          if (owner == owners->end()) continue;
          forward.view.process = owner->second.command_line;
          forward.view.process_id = owner->second.pid;
        }
        context_.on_change();
      });
}

void ForwardSet::tell(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) context_.warn(warning);
}

bool ForwardSet::lacks_host_port() const {
  return std::any_of(refused_.begin(), refused_.end(), [](const ForwardView& view) {
    return view.port.refusal == Refusal::kNoHostPort;
  });
}

std::set<std::uint16_t> ForwardSet::automatic() const {
  std::set<std::uint16_t> ports;
  for (const auto& [port, forward] : forwards_) {
    if (!forward.view.port.declared) ports.insert(port);
  }
  return ports;
}

std::vector<ForwardView> ForwardSet::view() const {
  std::vector<ForwardView> views;
  for (const auto& [port, forward] : forwards_) {
    if (forward.pending) continue;
    views.push_back(forward.view);
    if (forward.relay) views.back().stats = forward.relay->stats();
  }
  views.insert(views.end(), refused_.begin(), refused_.end());
  std::sort(views.begin(), views.end(), [](const ForwardView& a, const ForwardView& b) {
    return std::pair(a.port.container_port, a.port.service) <
           std::pair(b.port.container_port, b.port.service);
  });
  return views;
}

std::uint64_t ForwardSet::open_connections() const {
  std::uint64_t open = 0;
  for (const auto& [port, forward] : forwards_) {
    if (forward.relay) open += forward.relay->stats().open;
  }
  for (const auto& relay : draining_) open += relay->stats().open;
  return open;
}

}  // namespace fairlead::daemon
