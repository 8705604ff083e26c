#include "supervisor/daemon/direct_trials.h"

#include <algorithm>

namespace fairlead::daemon {

DirectTrials::DirectTrials(boost::asio::io_context& loop, std::function<void()> on_result)
    : loop_(loop), on_result_(std::move(on_result)) {}
DirectTrials::~DirectTrials() { clear(); }

Evidence DirectTrials::evidence(const base::Endpoint& endpoint) const {
  const auto found = entries_.find(endpoint);
  return found != entries_.end() ? found->second.evidence : Evidence{};
}

void DirectTrials::start(const std::vector<base::Endpoint>& endpoints, const Proof& proof) {
  for (const base::Endpoint& endpoint : endpoints) {
    Entry& entry = entries_[endpoint];
    if (entry.trial) continue;
    entry.trial =
        std::make_shared<TrialDial>(loop_, [this, endpoint, proof](base::Result<void> outcome) {
          if (outcome) outcome = proof(endpoint.address);
          Entry& tried = entries_[endpoint];
          tried.trial.reset();
          tried.since = base::steady_now();
          tried.evidence = outcome ? Evidence{Evidence::State::kWorks, ""}
                                   : Evidence{Evidence::State::kFails, outcome.error().message()};
          on_result_();
        });
    entry.trial->start(endpoint);
  }
}

bool DirectTrials::under_way() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const auto& entry) { return entry.second.trial != nullptr; });
}

bool DirectTrials::have_failures() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const auto& entry) {
    return entry.second.evidence.state == Evidence::State::kFails;
  });
}

void DirectTrials::doubt(const base::Endpoint& endpoint) {
  const auto found = entries_.find(endpoint);
  if (found != entries_.end()) found->second.evidence = {};
}

bool DirectTrials::doubt_failures_older_than(std::chrono::milliseconds age) {
  bool any = false;
  const auto now = base::steady_now();
  for (auto& [endpoint, entry] : entries_) {
    if (entry.evidence.state != Evidence::State::kFails || now - entry.since < age) continue;
    entry.evidence = {};
    any = true;
  }
  return any;
}

void DirectTrials::clear() {
  for (auto& [endpoint, entry] : entries_) {
    if (entry.trial) entry.trial->abandon();
  }
  entries_.clear();
}

}  // namespace fairlead::daemon
