// The threads that move bytes, and the loops they run.
//
// SPEC.md "Data plane". Thread rule: made and destroyed by the supervisor's thread; destruction
// waits for the threads and comes after every relay's.
#pragma once

#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "base/result.h"
#include "relay/event_loop.h"

namespace fairlead::relay {

class DataPlane {
 public:
  // As many threads as this machine has use for.
  static std::size_t default_threads();
  static base::Result<std::unique_ptr<DataPlane>> start(std::size_t threads = default_threads());
  ~DataPlane();

  const std::vector<EventLoop*>& loops() const { return loops_; }

 private:
  struct Worker {
    std::unique_ptr<EventLoop> loop;
    std::thread thread;
  };
  DataPlane() = default;

  std::vector<Worker> workers_;
  std::vector<EventLoop*> loops_;
};

}  // namespace fairlead::relay
