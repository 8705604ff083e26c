// Tells, without any polling, that something has run in a container.
//
// Whoever calls listen() goes to sleep some time later, to wait for connections: a context switch.
// A perf event counts those of the container's cgroup and wakes us at the first one, so an idle
// container costs no wake-ups at all and a new server is seen within a millisecond or so.
//
// Needs CAP_PERFMON (or root) and cgroup v2 (a hybrid mount will do); elsewhere ticks do the work.
// SPEC.md "Detection". Thread rule: one thread. Nothing blocks.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace fairlead::detect {

class ActivityMonitor {
 public:
  // EACCES, EPERM: not permitted. ENOENT: no cgroup to watch. E2BIG: more processors than is
  // sensible to watch (one descriptor and two pages each).
  static base::Result<ActivityMonitor> open(std::int64_t pid);
  ~ActivityMonitor();
  ActivityMonitor(ActivityMonitor&&) noexcept = default;
  ActivityMonitor& operator=(ActivityMonitor&&) = delete;

  // Readable when something has run since resume().
  int event_fd() const { return epoll_.get(); }
  // Stops counting, so that a busy container is not slowed down, and forgets what was counted.
  void pause();
  void resume();

 private:
  struct Ring {
    base::UniqueFd event;
    void* pages = nullptr;
  };
  ActivityMonitor() = default;
  base::Result<void> add_processor(int cgroup, int processor);

  base::UniqueFd epoll_;
  std::vector<Ring> rings_;
};

}  // namespace fairlead::detect
