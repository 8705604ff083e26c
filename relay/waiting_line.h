// Whoever was told to come again: acceptors without a socket to dial with. Thread rule: any thread.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace fairlead::relay {

class WaitingLine {
 public:
  void join(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(wake));
  }
  // Calls each once, and forgets them.
  void wake_all() {
    std::vector<std::function<void()>> waiting;
    {
      const std::lock_guard lock(mutex_);
      waiting.swap(waiting_);
    }
    for (const auto& wake : waiting) wake();
  }

 private:
  std::mutex mutex_;  // guards waiting_
  std::vector<std::function<void()>> waiting_;
};

}  // namespace fairlead::relay
