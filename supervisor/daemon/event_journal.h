// What has happened to a container's forwards, as records for people and programs: made by
// comparing complete pictures, kept for the last thousand. Pure. SPEC.md "events".
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "supervisor/config/jsonc.h"
#include "supervisor/daemon/listing.h"

namespace fairlead::daemon {

class EventJournal {
 public:
  static constexpr std::size_t kMostKept = 1000;

  // The complete picture as it is now. `engine_state`: "running", "paused", "dormant", "stopping".
  void observe(const ContainerView& container, const std::string& engine_state,
               const std::vector<ForwardView>& forwards, base::WallTime now);

  // Records from number `from` on (the first ever is 0), as far as they are still kept, and the
  // number of the next one to come.
  struct Page {
    config::Json events = config::Json::array();
    std::uint64_t next = 0;
  };
  Page since(std::uint64_t from) const;

 private:
  struct Known {
    std::string state;
    std::uint16_t host_port = 0;
    std::string relay;
    std::string reason;
  };
  void compare(const ContainerView& container, const ForwardView& view, const Known* before,
               const Known& now);
  void record(config::Json event);

  config::Json stamp_;  // the fields that every record begins with
  std::string engine_state_;
  std::map<std::pair<std::uint16_t, std::string>, Known> known_;  // by container port and service
  std::deque<config::Json> kept_;
  std::uint64_t first_ = 0;  // number of kept_.front()
};

}  // namespace fairlead::daemon
