#include "supervisor/daemon/forward_set.h"

#include <algorithm>

#include "relay/stream_relay.h"
#include "supervisor/daemon/host_port_holder.h"
#include "supervisor/daemon/reconciler.h"

namespace fairlead::daemon {
namespace {

// A connection of a port that nobody listens on any more ends by itself; this is for those that do
// not.
constexpr auto kWithdrawalDrain = std::chrono::seconds(60);

// "requireLocalPort", and the number is not to be had: who has it is what people want to know.
base::Error missing_number(const registry::LeaseRequest& request, const base::Error& error) {
  const std::string number = std::to_string(request.preferred());
  std::string words = "requireLocalPort is set, and host port " + number;
  if (request.preferred() < registry::kFirstUnprivilegedPort && !request.may_be_privileged) {
    words += " is a privileged one (elevateIfNeeded)";
  } else if (const std::string holder = to_string(find_host_port_holder(request.preferred()));
             !holder.empty()) {
    words += " is in use by " + holder;
  } else {
    words += " is not to be had: " + error.message();
  }
  return base::plain_error(words);
}

}  // namespace

void ForwardSet::apply(const Wish& wish, const DialerOf& dialer_of) {
  std::map<PortKey, ForwardView> lacking;  // a host port
  for (ForwardView& view : refused_) {
    if (view.port.refusal == Refusal::kNoHostPort) lacking.emplace(view.port.key(), view);
  }
  refused_.clear();
  for (const DesiredPort& port : wish.ports) {
    if (!port.forwarded()) refused_.push_back({port, 0, false, "", {}, {}, {}});
  }
  std::map<PortKey, ActiveForward> active;
  for (const auto& [key, forward] : forwards_) {
    const DesiredPort& now = forward.view.port;
    active[key] = {now.wished_host,
                   now.targets,
                   now.relay,
                   forward.view.host_port,
                   now.needs_wished_number(),
                   now.may_be_privileged(),
                   now.listener_relay,
                   now.kernel_target};
  }
  const Plan todo = plan(wish, active);
  for (const PortKey& key : todo.stop) stop(key, kWithdrawalDrain);
  for (const DesiredPort& port : todo.reroute) {
    Forward& forward = forwards_.at(port.key());
    if (forward.relay) forward.relay->reroute({dialer_of(*port.listener_relay), port.targets});
  }
  start(todo.start, dialer_of, lacking);
  for (const DesiredPort& port : wish.ports) {
    const auto found = forwards_.find(port.key());
    if (port.forwarded() && !port.undecided && found != forwards_.end()) {
      found->second.view.port = port;
    }
  }
  for (const DesiredPort& port : todo.reroute) tell_kernel(forwards_.at(port.key()));
  context_.on_change();
}

void ForwardSet::stop(const PortKey& key, std::chrono::milliseconds drain) {
  const auto found = forwards_.find(key);
  if (found == forwards_.end()) return;
  Forward forward = std::move(found->second);
  forwards_.erase(found);
  if (!forward.relay) return;  // its grant will find nobody and be given back
  forget_kernel(forward);
  forward.relay->stop(drain);
  context_.log("withdrawn: container " + to_string(key) + " from host " +
               std::to_string(forward.view.host_port));
  release({forward.view.host_port});
  std::erase_if(draining_, [](const auto& relay) { return relay->stats().open == 0; });
  draining_.push_back(std::move(forward.relay));
}

void ForwardSet::start(const std::vector<DesiredPort>& ports, const DialerOf& dialer_of,
                       const std::map<PortKey, ForwardView>& refused) {
  if (ports.empty()) return;
  struct Job {
    std::vector<std::shared_ptr<relay::Dialer>> dialers;
    std::vector<PortKey> keys;
    std::vector<registry::LeaseRequest> requests;
    std::vector<std::uint64_t> generations;
    std::vector<base::Result<registry::Grant>> grants;
    std::vector<std::string> warnings;
  };
  const auto job = std::make_shared<Job>();
  for (const DesiredPort& port : ports) {
    Forward& forward = forwards_[port.key()];
    forward.view.port = port;
    forward.generation = next_generation_++;
    if (const auto before = refused.find(port.key()); before != refused.end()) {
      forward.refused = before->second;
    }
    registry::LeaseRequest request;
    request.workspace = context_.workspace;
    request.container_id = context_.container_id;
    request.container_port = port.container_port;
    request.service = port.service.empty() ? context_.service : port.service;
    request.wished = port.wished_host;
    request.may_be_privileged = port.may_be_privileged();
    request.no_other_number = port.needs_wished_number();
    request.label = port.attributes.label.value_or("");
    job->dialers.push_back(dialer_of(*port.listener_relay));
    job->keys.push_back(port.key());
    job->requests.push_back(std::move(request));
    job->generations.push_back(forward.generation);
  }
  context_.worker.run(
      [job, &registry = context_.registry] {
        job->grants = registry.allocate(job->requests);
        job->warnings = registry.take_warnings();
        for (std::size_t i = 0; i < job->grants.size(); ++i) {
          if (job->grants[i] || !job->requests[i].no_other_number) continue;
          job->grants[i] = missing_number(job->requests[i], job->grants[i].error());
        }
      },
      [this, job] {
        tell(job->warnings);
        for (std::size_t i = 0; i < job->grants.size(); ++i) {
          granted(job->keys[i], job->generations[i], job->grants[i], job->dialers[i]);
        }
        context_.on_change();
      });
}

void ForwardSet::granted(const PortKey& key, std::uint64_t generation,
                         base::Result<registry::Grant>& grant,
                         const std::shared_ptr<relay::Dialer>& dialer) {
  const auto found = forwards_.find(key);
  if (found == forwards_.end() || found->second.generation != generation) {
    if (grant) release({grant->bound.port});
    return;
  }
  if (!grant) {
    // Its line in every listing tells people; here only the log is. It is tried again every second:
    // what is no news is not written again.
    const std::string trouble =
        "Not forwarding container " + to_string(key) + ": " + grant.error().message();
    if (told_.insert(trouble).second) context_.log_warning(trouble);
    ForwardView view = found->second.view;
    view.port.refuse(Refusal::kNoHostPort, grant.error().message());
    forwards_.erase(found);
    refused_.push_back(std::move(view));
    return;
  }
  Forward& forward = found->second;
  ForwardView& view = forward.view;
  forward.pending = false;
  forward.refused.reset();
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
  tell_kernel(forward);
  std::erase_if(told_, [&](const std::string& trouble) {
    return trouble.starts_with("Not forwarding container " + to_string(key) + ":");
  });
  context_.log("forwarding: container " + to_string(key) + " on host " +
               std::to_string(view.host_port));
}

// The listener is there already, and stays.
void ForwardSet::tell_kernel(Forward& forward) {
  DesiredPort& port = forward.view.port;
  if (!forward.relay) return;
  if (!port.kernel_target) return forget_kernel(forward);
  KernelForwards* const kernel = context_.kernel();
  if (kernel != nullptr && kernel->set(forward.view.host_port, *port.kernel_target)) return;
  port.kernel_target.reset();
  port.relay = port.listener_relay;
  port.relay_reason += "; not nat: the kernel does not take it";
}

void ForwardSet::forget_kernel(const Forward& forward) {
  KernelForwards* const kernel = context_.kernel();
  if (kernel != nullptr) kernel->remove(forward.view.host_port);
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
    forget_kernel(forward);
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

void ForwardSet::tell(const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) context_.warn(warning);
}

bool ForwardSet::lacks_host_port() const {
  return std::any_of(refused_.begin(), refused_.end(), [](const ForwardView& view) {
    return view.port.refusal == Refusal::kNoHostPort;
  });
}

std::set<PortKey> ForwardSet::automatic() const {
  std::set<PortKey> ports;
  for (const auto& [port, forward] : forwards_) {
    if (!forward.view.port.declared) ports.insert(port);
  }
  return ports;
}

std::vector<ForwardView> ForwardSet::view() const {
  std::vector<ForwardView> views;
  for (const auto& [port, forward] : forwards_) {
    if (forward.pending) {
      if (forward.refused) views.push_back(*forward.refused);
      continue;
    }
    views.push_back(forward.view);
    if (forward.relay) views.back().stats = forward.relay->stats();
    if (forward.view.port.kernel_target) {
      KernelForwards* const kernel = context_.kernel();
      views.back().by_kernel = kernel != nullptr ? kernel->connections(forward.view.host_port) : 0;
    }
  }
  views.insert(views.end(), refused_.begin(), refused_.end());
  std::sort(views.begin(), views.end(),
            [](const ForwardView& a, const ForwardView& b) { return a.port.key() < b.port.key(); });
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
