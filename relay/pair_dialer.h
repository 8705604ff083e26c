// What dialers have in common that pass on one end of a socket pair for somebody else to carry: so
// many at once, and more clients wait in the backlog. Thread rule: as relay/dialer.h.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "relay/dialer.h"
#include "relay/waiting_line.h"

namespace fairlead::relay {

class PairDialer : public Dialer {
 public:
  DialSocket reserve(const std::vector<base::Endpoint>& targets,
                     const std::function<void()>& when_ready) override;
  void unreserve(DialSocket socket) override;
  void relieve() override {}

 protected:
  explicit PairDialer(int most) : most_(most) {}
  // Whether clients may be accepted at all; at first they may.
  void set_ready(bool ready);
  // A stream of ours is over.
  void one_less();

 private:
  const int most_;
  WaitingLine waiting_;
  std::mutex mutex_;  // guards what follows
  bool ready_ = true;
  int streams_ = 0;
};

}  // namespace fairlead::relay
