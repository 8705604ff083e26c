#include "relay/pipe_pool.h"

#include <fcntl.h>
#include <unistd.h>

namespace fairlead::relay {
namespace {

// A flow gives its pipe back whenever it runs dry, so few are enough for many flows.
constexpr std::size_t kMostIdle = 8;
constexpr auto kPauseAfterRefusal = std::chrono::seconds(1);

Pipe make_large_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return {};
  Pipe pipe{base::UniqueFd(ends[1]), base::UniqueFd(ends[0]), 0};
  for (std::size_t size = PipePool::kWantedBytes; size >= PipePool::kLeastBytes; size /= 2) {
    const int granted = fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(size));
    if (granted >= static_cast<int>(PipePool::kLeastBytes)) {
      pipe.capacity_bytes = static_cast<std::size_t>(granted);
      return pipe;
    }
  }
  return {};
}

}  // namespace

Pipe PipePool::take() {
  wanted_ = true;
  if (!idle_.empty()) {
    Pipe pipe = std::move(idle_.back());
    idle_.pop_back();
    return pipe;
  }
  const auto now = base::steady_now();
  if (now < not_before_) return {};
  Pipe pipe = make_large_pipe();
  if (!pipe) not_before_ = now + kPauseAfterRefusal;
  return pipe;
}

void PipePool::give_back(Pipe pipe) {
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(pipe));
}

bool PipePool::sweep() {
  if (!std::exchange(wanted_, false)) idle_.clear();
  return !idle_.empty();
}

}  // namespace fairlead::relay
