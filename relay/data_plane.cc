#include "relay/data_plane.h"

#include <pthread.h>

#include <csignal>

namespace fairlead::relay {

base::Result<std::unique_ptr<DataPlane>> DataPlane::start() {
  auto loop = EventLoop::create();
  if (!loop) return loop.error();
  return std::unique_ptr<DataPlane>(new DataPlane(std::move(*loop)));
}

DataPlane::DataPlane(std::unique_ptr<EventLoop> loop) : loop_(std::move(loop)) {
  // Signals are the supervisor's business: the new thread inherits a full mask.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([raw = loop_.get()] {
    pthread_setname_np(pthread_self(), "fairlead-data");
    raw->run();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

DataPlane::~DataPlane() {
  loop_->stop();
  thread_.join();
}

}  // namespace fairlead::relay
