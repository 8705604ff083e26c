#include "relay/data_plane.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>

namespace fairlead::relay {
namespace {

// Half of the processors: the other half runs what talks through us.
constexpr std::size_t kMostThreads = 4;

std::thread start_thread(EventLoop& loop) {
  // Signals are the supervisor's business: the new thread inherits a full mask.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread([&loop] {
    pthread_setname_np(pthread_self(), "fairlead-data");
    loop.run();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

std::size_t DataPlane::default_threads() {
  return std::clamp<std::size_t>(std::thread::hardware_concurrency() / 2, 1, kMostThreads);
}

base::Result<std::unique_ptr<DataPlane>> DataPlane::start(std::size_t threads) {
  std::unique_ptr<DataPlane> plane(new DataPlane());
  for (std::size_t i = 0; i < threads; ++i) {
    auto loop = EventLoop::create();
    if (!loop) return loop.error();
    plane->workers_.push_back({std::move(*loop), {}});
    plane->loops_.push_back(plane->workers_.back().loop.get());
  }
  for (Worker& worker : plane->workers_) worker.thread = start_thread(*worker.loop);
  return plane;
}

DataPlane::~DataPlane() {
  for (Worker& worker : workers_) worker.loop->stop();
  for (Worker& worker : workers_) {
    if (worker.thread.joinable()) worker.thread.join();
  }
}

}  // namespace fairlead::relay
