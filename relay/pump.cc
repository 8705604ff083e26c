#include "relay/pump.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace fairlead::relay {
namespace {

// Full buffers per turn before the other connections come first.
constexpr int kReadsPerTurn = 8;

ssize_t receive(int source, char* buffer, std::size_t size) {
  ssize_t count = 0;
  do {
    count = recv(source, buffer, size, MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  return count;
}

ssize_t transmit(int sink, const char* data, std::size_t size) {
  ssize_t count = 0;
  do {
    count = send(sink, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  return count;
}

}  // namespace

Pump::Step Pump::flush_residue(int sink) {
  if (!residue_) return Step::kGoOn;
  const ssize_t count =
      transmit(sink, residue_.get() + residue_begin_, residue_end_ - residue_begin_);
  if (count < 0) return errno == EAGAIN ? Step::kWait : Step::kFail;
  bytes_ += static_cast<std::uint64_t>(count);
  residue_begin_ += static_cast<std::uint32_t>(count);
  if (residue_begin_ < residue_end_) return Step::kWait;
  residue_.reset();
  return Step::kGoOn;
}

Pump::Step Pump::forward(const char* data, std::size_t size, int sink) {
  ssize_t count = transmit(sink, data, size);
  if (count < 0) {
    if (errno != EAGAIN) return Step::kFail;
    count = 0;
  }
  const auto written = static_cast<std::size_t>(count);
  bytes_ += written;
  if (written == size) return Step::kGoOn;
  residue_ = std::make_unique_for_overwrite<char[]>(size - written);
  std::memcpy(residue_.get(), data + written, size - written);
  residue_begin_ = 0;
  residue_end_ = static_cast<std::uint32_t>(size - written);
  return Step::kWait;
}

PumpState Pump::run(int source, int sink, char* buffer, std::size_t buffer_size,
                    bool last_direction) {
  if (finished_) return PumpState::kFinished;
  switch (flush_residue(sink)) {
    case Step::kGoOn:
      break;
    case Step::kWait:
      return PumpState::kWaiting;
    case Step::kFail:
      return PumpState::kBroken;
  }
  for (int reads = 0; readable_ && !ended_; ++reads) {
    if (reads == kReadsPerTurn) return PumpState::kMore;
    const ssize_t count = receive(source, buffer, buffer_size);
    if (count < 0) {
      if (errno != EAGAIN) return PumpState::kBroken;
      readable_ = false;
    } else if (count == 0) {
      ended_ = true;
    } else {
      const auto size = static_cast<std::size_t>(count);
      if (size < buffer_size && !read_on_) readable_ = false;
      switch (forward(buffer, size, sink)) {
        case Step::kGoOn:
          break;
        case Step::kWait:
          return PumpState::kWaiting;
        case Step::kFail:
          return PumpState::kBroken;
      }
    }
  }
  if (!ended_) return PumpState::kWaiting;
  if (!last_direction) shutdown(sink, SHUT_WR);
  finished_ = true;
  return PumpState::kFinished;
}

}  // namespace fairlead::relay
