// Trial dials to a container's own address: the evidence that relay `direct` rests on. A trial
// connects and closes again; the server sees one connection without a byte.
// SPEC.md "Relays". Thread rule: the loop's thread. Nothing blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "supervisor/daemon/relay_selector.h"
#include "supervisor/daemon/trial_dial.h"

namespace fairlead::daemon {

class DirectTrials {
 public:
  // As relay::DirectDialer::Proof: a server that answers must still be the container's.
  using Proof = std::function<base::Result<void>(const base::IpAddress&)>;

  // `on_result`: evidence has changed.
  DirectTrials(boost::asio::io_context& loop, std::function<void()> on_result);
  ~DirectTrials();

  Evidence evidence(const base::Endpoint& endpoint) const;
  // Begins what is not under way yet.
  void start(const std::vector<base::Endpoint>& endpoints, const Proof& proof);
  bool under_way() const;
  bool have_failures() const;
  // Is to be tried again when it is next asked for.
  void doubt(const base::Endpoint& endpoint);
  // The same for all failures that are older than this. True if there were any.
  bool doubt_failures_older_than(std::chrono::milliseconds age);
  // Forgets everything, what is under way included.
  void clear();

 private:
  struct Entry {
    Evidence evidence;
    base::SteadyTime since{};
    std::shared_ptr<TrialDial> trial;  // while it is under way
  };
  boost::asio::io_context& loop_;
  std::function<void()> on_result_;
  std::map<base::Endpoint, Entry> entries_;
};

}  // namespace fairlead::daemon
