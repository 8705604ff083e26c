// The thread that moves bytes, and the loop it runs.
//
// SPEC.md "Data plane". Thread rule: made and destroyed by the supervisor's thread; destruction
// waits for the thread and comes after every relay's.
#pragma once

#include <memory>
#include <thread>

#include "base/result.h"
#include "relay/event_loop.h"

namespace fairlead::relay {

class DataPlane {
 public:
  static base::Result<std::unique_ptr<DataPlane>> start();
  ~DataPlane();

  EventLoop& loop() { return *loop_; }

 private:
  explicit DataPlane(std::unique_ptr<EventLoop> loop);

  std::unique_ptr<EventLoop> loop_;
  std::thread thread_;
};

}  // namespace fairlead::relay
