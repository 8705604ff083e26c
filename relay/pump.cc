#include "relay/pump.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/net.h"

namespace fairlead::relay {
namespace {

// Full buffers per turn before the other connections come first.
constexpr int kReadsPerTurn = 8;
// What counts as a large read, and what a flow that has been bulk must at least go on with.
constexpr std::size_t kLargeRead = 64U << 10;

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

// Never with SPLICE_F_MORE: the last segment would wait 200 ms for more.
ssize_t splice_some(int from, int to, std::size_t size) {
  ssize_t count = 0;
  do {
    count = splice(from, nullptr, to, nullptr, size, SPLICE_F_NONBLOCK);
  } while (count < 0 && errno == EINTR);
  return count;
}

}  // namespace

Pump::Step Pump::flush(int sink) {
  if (in_pipe_ > 0) return flush_pipe(sink);
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

// The pipe is emptied before anything more is read: a read that finds nothing then means that the
// source is dry, not that the pipe is full.
Pump::Step Pump::flush_pipe(int sink) {
  while (in_pipe_ > 0) {
    const ssize_t count = splice_some(pipe_.out.get(), sink, in_pipe_);
    if (count < 0) return errno == EAGAIN ? Step::kWait : Step::kFail;
    if (count == 0) return Step::kFail;
    bytes_ += static_cast<std::uint64_t>(count);
    in_pipe_ -= static_cast<std::size_t>(count);
  }
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

void Pump::note_size(std::size_t size) {
  if (size >= kLargeRead) {
    if (large_reads_ < kBulkAfter) ++large_reads_;
  } else if (large_reads_ > 0) {
    --large_reads_;
  }
}

// What a read that brought nothing says: the source is dry, has ended, or is broken.
Pump::Step Pump::nothing_read(ssize_t count) {
  if (count < 0 && errno != EAGAIN) return Step::kFail;
  if (count < 0) {
    readable_ = false;
  } else {
    ended_ = true;
  }
  return Step::kGoOn;
}

Pump::Step Pump::copy(int source, int sink, const PumpTools& tools) {
  const ssize_t count = receive(source, tools.buffer, tools.buffer_size);
  if (count <= 0) return nothing_read(count);
  const auto size = static_cast<std::size_t>(count);
  if (size < tools.buffer_size && edge_ == Edge::kData) readable_ = false;
  if (size < tools.buffer_size && edge_ == Edge::kEnd) ended_ = true;
  note_size(size);
  return forward(tools.buffer, size, sink);
}

Pump::Step Pump::splice_through(int source, int sink) {
  const ssize_t count = splice_some(source, pipe_.in.get(), pipe_.capacity_bytes);
  if (count < 0 && errno == EINVAL) {  // not a kind of socket that can be spliced
    large_reads_ = 0;
    return Step::kGoOn;
  }
  if (count <= 0) return nothing_read(count);
  in_pipe_ = static_cast<std::size_t>(count);
  note_size(in_pipe_);
  return flush_pipe(sink);
}

PumpState Pump::run(int source, int sink, const PumpTools& tools, bool last_direction) {
  const PumpState state = move(source, sink, tools, last_direction);
  if (pipe_ && in_pipe_ == 0) tools.pipes.give_back(std::exchange(pipe_, {}));
  return state;
}

PumpState Pump::move(int source, int sink, const PumpTools& tools, bool last_direction) {
  if (finished_) return PumpState::kFinished;
  Step step = flush(sink);
  for (int reads = 0; step == Step::kGoOn && readable_ && !ended_; ++reads) {
    if (reads == kReadsPerTurn) return PumpState::kMore;
    if (bulk() && !pipe_) pipe_ = tools.pipes.take();
    step = bulk() && pipe_ ? splice_through(source, sink) : copy(source, sink, tools);
  }
  if (step == Step::kWait) return PumpState::kWaiting;
  if (step == Step::kFail) return PumpState::kBroken;
  if (!ended_) return PumpState::kWaiting;
  if (last_direction) {
    base::finish_on_close(source);
    base::finish_on_close(sink);
  } else {
    shutdown(sink, SHUT_WR);
  }
  finished_ = true;
  return PumpState::kFinished;
}

}  // namespace fairlead::relay
