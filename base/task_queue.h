// Tasks that other threads leave for a loop of plain descriptors. Thread rule: post() from any
// thread; run() on the loop's, when fd() is readable. Nothing blocks.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "base/unique_fd.h"

namespace fairlead::base {

class TaskQueue {
 public:
  TaskQueue();  // without a descriptor if there is none to be had: see fd()

  int fd() const { return ring_.get(); }  // -1: errno of the constructor's
  void post(std::function<void()> task);
  void run();

 private:
  UniqueFd ring_;
  std::mutex mutex_;  // guards tasks_
  std::vector<std::function<void()>> tasks_;
};

}  // namespace fairlead::base
