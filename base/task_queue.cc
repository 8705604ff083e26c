#include "base/task_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace fairlead::base {

TaskQueue::TaskQueue() : ring_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void TaskQueue::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    if (tasks_.size() > 1) return;  // whoever posted first has rung already
  }
  const std::uint64_t one = 1;
  (void)!write(ring_.get(), &one, sizeof one);
}

void TaskQueue::run() {
  std::uint64_t rings = 0;
  (void)!read(ring_.get(), &rings, sizeof rings);
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const auto& task : tasks) task();
}

}  // namespace fairlead::base
