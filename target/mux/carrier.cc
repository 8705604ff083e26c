#include "target/mux/carrier.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace fairlead::target::mux {
namespace {

constexpr std::size_t kInputSize = 256U << 10;
constexpr std::size_t kOutputSize = 128U << 10;
// Writing gives way to reading after so many buffers.
constexpr int kMostWrites = 4;
constexpr int kMostEvents = 128;

// Above every stream's number.
constexpr std::uint64_t kInputMark = 1ULL << 32;
constexpr std::uint64_t kOutputMark = 2ULL << 32;
constexpr std::uint64_t kWakeupMark = 3ULL << 32;

constexpr std::uint32_t kReadable = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;

bool make_nonblocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

// Whether the far end closes before or after it has read what we wrote decides about the number
// only.
std::string reason_of(int error) {
  return error == ECONNRESET || error == EPIPE ? Carrier::kChannelClosed : std::strerror(error);
}

}  // namespace

Carrier::Carrier(Session::Side side, CarrierOwner& owner, std::string_view nonce,
                 std::unique_ptr<Unwrapper> unwrapper)
    : owner_(owner),
      session_(side, *this, nonce),
      unwrapper_(std::move(unwrapper)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      input_(std::make_unique<char[]>(kInputSize)),
      output_(std::make_unique<char[]>(kOutputSize)),
      last_heard_(now()) {}

Carrier::~Carrier() = default;

std::uint64_t Carrier::now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1000 +
         static_cast<std::uint64_t>(time.tv_nsec) / 1000000;
}

bool Carrier::watch(int fd, std::uint32_t events, std::uint64_t mark) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = mark;
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

bool Carrier::start(base::UniqueFd in, base::UniqueFd out, int wakeup_fd) {
  in_ = std::move(in);
  out_ = std::move(out);
  if (!make_nonblocking(in_.get())) return false;
  if (wakeup_fd >= 0 && !watch(wakeup_fd, EPOLLIN, kWakeupMark)) return false;
  if (!out_) return watch(in_.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, kInputMark);
  return make_nonblocking(out_.get()) && watch(in_.get(), EPOLLIN | EPOLLET, kInputMark) &&
         watch(out_.get(), EPOLLOUT | EPOLLET, kOutputMark);
}

void Carrier::run() {
  take_input(std::exchange(first_, {}));
  bool more = false;
  while (!stopped_) {
    const std::uint64_t time = now();
    const int wait = owner_.next_time(time);
    if (wait <= 0) owner_.on_time(time);
    if (stopped_) break;
    turn(more || input_ready_ || wait <= 0 ? 0 : wait);
    if (input_ready_ && !stopped_) read_input();
    if (!stopped_) more = write_output();
  }
  for (auto& [id, socket] : sockets_) {
    if (socket.outcome) socket.outcome->broken = true;
  }
  sockets_.clear();
}

void Carrier::stop(std::string why) {
  if (std::exchange(stopped_, true)) return;
  why_ = std::move(why);
}

std::string Carrier::aside() const {
  const std::string said = unwrapper_ ? unwrapper_->aside() : "";
  return said.empty() ? session_.noise() : said;
}

void Carrier::turn(int timeout) {
  epoll_event events[kMostEvents];
  const int count = epoll_wait(epoll_.get(), events, kMostEvents, timeout);
  for (int i = 0; i < count && !stopped_; ++i) on_event(events[i].data.u64, events[i].events);
}

void Carrier::on_event(std::uint64_t mark, std::uint32_t events) {
  if (mark == kWakeupMark) return owner_.on_wakeup();
  if (mark == kInputMark) {
    if ((events & kReadable) != 0) input_ready_ = true;
    if (!out_ && (events & EPOLLOUT) != 0) output_ready_ = true;
    return;
  }
  if (mark == kOutputMark) {
    output_ready_ = true;
    return;
  }
  on_socket(static_cast<StreamId>(mark), events);
}

void Carrier::read_input() {
  const ssize_t count = ::read(in_.get(), input_.get(), kInputSize);
  if (count < 0) {
    if (errno != EINTR) input_ready_ = false;
    if (!would_block()) stop(reason_of(errno));
    return;
  }
  if (count == 0) return stop(kChannelClosed);
  last_heard_ = now();
  take_input({input_.get(), static_cast<std::size_t>(count)});
}

void Carrier::take_input(std::string_view bytes) {
  const auto take = [this](std::string_view payload) { return session_.feed(payload); };
  if (unwrapper_ ? unwrapper_->feed(bytes, take) : take(bytes)) return;
  const std::string trouble = session_.trouble();
  stop(trouble.empty() ? "what it sends is no stream" : trouble);
}

// True: there is more, and the channel would take it.
bool Carrier::write_output() {
  for (int i = 0; i < kMostWrites && output_ready_; ++i) {
    if (output_begin_ == output_end_) {
      output_begin_ = 0;
      output_end_ = session_.fill(output_.get(), kOutputSize);
      if (output_end_ == 0) return false;
    }
    const ssize_t count = ::write(out_ ? out_.get() : in_.get(), output_.get() + output_begin_,
                                  output_end_ - output_begin_);
    if (count >= 0) {
      output_begin_ += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      output_ready_ = false;
      if (!would_block()) stop_writing(reason_of(errno));
    }
  }
  return output_ready_;
}

// What the far end has said before it went may be why it went.
void Carrier::stop_writing(const std::string& reason) {
  input_ready_ = true;
  for (int i = 0; i < kMostWrites && input_ready_ && !stopped_; ++i) read_input();
  if (!stopped_) stop(reason);
}

bool Carrier::add(StreamId stream, Socket socket) {
  const int fd = socket.fd.get();
  const auto [where, fresh] = sockets_.emplace(stream, std::move(socket));
  if (watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, stream)) return true;
  sockets_.erase(where);
  return false;
}

bool Carrier::open(const base::Endpoint& endpoint, base::UniqueFd socket,
                   std::shared_ptr<StreamOutcome> outcome) {
  const auto stream = session_.open(endpoint);
  if (!stream) return false;
  if (add(*stream, {std::move(socket), std::move(outcome)})) return true;
  session_.reset(*stream, ENOMEM);
  return false;
}

void Carrier::attach(StreamId stream, base::UniqueFd dialling) {
  Socket socket{std::move(dialling), nullptr};
  socket.dialling = true;
  if (!add(stream, std::move(socket))) refuse(stream, ENOMEM);
}

void Carrier::on_socket(StreamId stream, std::uint32_t events) {
  const auto found = sockets_.find(stream);
  if (found == sockets_.end()) return;
  Socket& socket = found->second;
  if (socket.dialling) return dialled(stream, socket, events);
  // Nobody will read what is under way: that it waits for leave to be sent is no reason to wait.
  if (socket.outcome && socket.outcome->reset) {
    session_.reset(stream, ECONNRESET);
    return drop(stream);
  }
  if ((events & EPOLLERR) != 0) return fail(stream);
  if ((events & kReadable) != 0) session_.readable(stream);
  if ((events & EPOLLOUT) != 0) write_backlog(stream);
}

// A socket that is being dialled says OUT alone when it is connected, ERR or HUP when it is not.
void Carrier::dialled(StreamId stream, Socket& socket, std::uint32_t events) {
  int failure = 0;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    socklen_t size = sizeof failure;
    getsockopt(socket.fd.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure == 0 && (events & EPOLLERR) == 0) return;  // not yet begun
    session_.refused(stream, failure != 0 ? failure : ECONNREFUSED);
    return drop(stream);
  }
  if ((events & EPOLLOUT) == 0) return;
  socket.dialling = false;
  session_.opened(stream);
  write_backlog(stream);
}

std::size_t Carrier::write_some(const Socket& socket, std::string_view bytes) {
  std::size_t total = 0;
  while (total < bytes.size()) {
    const ssize_t count = ::send(socket.fd.get(), bytes.data() + total, bytes.size() - total,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) {
      if (errno == EINTR) continue;
      return would_block() ? total : SIZE_MAX;
    }
    total += static_cast<std::size_t>(count);
  }
  return total;
}

void Carrier::on_data(StreamId stream, std::string_view bytes) {
  const auto found = sockets_.find(stream);
  if (found == sockets_.end()) return;
  Socket& socket = found->second;
  std::size_t taken = 0;
  if (!socket.dialling && socket.backlog.empty()) {
    taken = write_some(socket, bytes);
    if (taken == SIZE_MAX) return fail(stream);
  }
  socket.backlog += bytes.substr(taken);
  if (taken > 0) session_.consumed(stream, taken, now());
}

void Carrier::write_backlog(StreamId stream) {
  const auto found = sockets_.find(stream);
  if (found == sockets_.end()) return;
  Socket& socket = found->second;
  if (!socket.backlog.empty()) {
    const std::size_t taken =
        write_some(socket, std::string_view(socket.backlog).substr(socket.written));
    if (taken == SIZE_MAX) return fail(stream);
    socket.written += taken;
    if (socket.written < socket.backlog.size()) {
      // Moved to the front only when that is less than what was written.
      if (socket.written > socket.backlog.size() / 2) {
        socket.backlog.erase(0, std::exchange(socket.written, 0));
      }
    } else {
      std::string().swap(socket.backlog);
      socket.written = 0;
    }
    if (taken > 0) session_.consumed(stream, taken, now());
  }
  if (socket.backlog.empty() && socket.finish) end_writing(stream, socket);
}

// Once: it raises an event that leads here again.
void Carrier::end_writing(StreamId stream, Socket& socket) {
  if (std::exchange(socket.write_end, true)) return;
  shutdown(socket.fd.get(), SHUT_WR);
  close_if_over(stream);
}

void Carrier::on_finish(StreamId stream) {
  const auto found = sockets_.find(stream);
  if (found == sockets_.end()) return;
  found->second.finish = true;
  if (!found->second.dialling && found->second.backlog.empty()) end_writing(stream, found->second);
}

SessionEvents::Bytes Carrier::read(StreamId stream, char* to, std::size_t most) {
  const auto found = sockets_.find(stream);
  if (found == sockets_.end()) return {0, Nothing::kReset};
  Socket& socket = found->second;
  ssize_t count = 0;
  do {
    count = ::recv(socket.fd.get(), to, most, MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count > 0) return {static_cast<std::size_t>(count), Nothing::kNow};
  if (count < 0 && would_block()) return {0, Nothing::kNow};
  if (count < 0 || (socket.outcome && socket.outcome->reset)) {
    if (socket.outcome) socket.outcome->broken = true;
    drop(stream);
    return {0, Nothing::kReset};
  }
  socket.read_end = true;
  close_if_over(stream);
  return {0, Nothing::kEnd};
}

// Both directions have come to an orderly end: what was written is still delivered.
void Carrier::close_if_over(StreamId stream) {
  const auto found = sockets_.find(stream);
  if (found == sockets_.end() || !found->second.read_end || !found->second.write_end) return;
  const linger deliver{0, 0};
  setsockopt(found->second.fd.get(), SOL_SOCKET, SO_LINGER, &deliver, sizeof deliver);
  drop(stream);
}

// What the server has said before its reset is passed on, as far as it may.
void Carrier::fail(StreamId stream) {
  if (!session_.knows(stream)) return on_reset(stream, ECONNRESET);
  session_.doom(stream);
}

void Carrier::drop(StreamId stream) { sockets_.erase(stream); }

void Carrier::on_open(StreamId stream, const base::Endpoint& endpoint) {
  owner_.on_open(stream, endpoint);
}

void Carrier::on_opened(StreamId) {}

void Carrier::on_refused(StreamId stream, int error) { on_reset(stream, error); }

void Carrier::on_reset(StreamId stream, int) {
  const auto found = sockets_.find(stream);
  if (found == sockets_.end()) return;
  if (found->second.outcome) found->second.outcome->broken = true;
  drop(stream);
}

bool Carrier::on_message(const FrameHeader& header, std::string_view payload) {
  return owner_.on_message(header, payload);
}

}  // namespace fairlead::target::mux
