#include "target/mux/session.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace fairlead::target::mux {
namespace {

// One of several streams gets less at a time, so that each has its turn soon.
constexpr std::size_t kMostShared = 16U << 10;
// A window that is drained in less than this was too small.
constexpr std::uint64_t kQuickMs = 100;
// More than a picture of listeners and what streams make of it: the peer wants answers and does not
// read them.
constexpr std::size_t kMostControl = 2U << 20;
constexpr std::size_t kNumberSize = 4;
constexpr std::size_t kTotalSize = 8;

std::string number(std::uint64_t value, std::size_t size) {
  std::string payload;
  append_number(payload, value, size);
  return payload;
}

// An error number of the peer's; what is none becomes `otherwise`.
int error_of(std::string_view payload, int otherwise) {
  const auto value = read_number(payload, kNumberSize);
  return value > 0 && value < 4096 ? static_cast<int>(value) : otherwise;
}

}  // namespace

Session::Session(Side side, SessionEvents& events, std::string_view nonce, const Limits& limits)
    : side_(side), events_(events), limits_(limits), reader_(nonce) {}

Session::Stream& Session::add(StreamId id) {
  last_ = id;
  windows_ += kFirstWindow;
  return streams_[id];
}

void Session::forget(StreamId id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  windows_ -= found->second.window;
  streams_.erase(found);
}

void Session::forget_if_over(StreamId id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const Stream& stream = found->second;
  // What is still held here counts until it has reached the socket.
  if (stream.finished_here && stream.finished_there && stream.held == 0) forget(id);
}

void Session::control(FrameType type, StreamId stream, std::string_view payload,
                      std::uint8_t flags) {
  control_.push_back(frame(type, stream, payload, flags));
  control_size_ += control_.back().size();
}

std::optional<StreamId> Session::open(const base::Endpoint& endpoint) {
  if (streams_.size() >= limits_.streams || last_ == UINT32_MAX) return std::nullopt;
  const StreamId id = last_ + 1;
  Stream& stream = add(id);
  control(FrameType::kOpen, id, encode_endpoint(endpoint));
  take_turn(id, stream);
  return id;
}

void Session::opened(StreamId stream) {
  if (!knows(stream)) return;
  control(FrameType::kOpened, stream, "");
  readable(stream);
}

void Session::refused(StreamId stream, int error) {
  if (!knows(stream)) return;
  control(FrameType::kRefused, stream, number(static_cast<unsigned>(error), kNumberSize));
  forget(stream);
}

void Session::readable(StreamId id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  found->second.readable = true;
  take_turn(id, found->second);
}

void Session::take_turn(StreamId id, Stream& stream) {
  if (stream.in_turn || !stream.readable || stream.finished_here || stream.may_send == 0) return;
  stream.in_turn = true;
  turns_.push_back(id);
}

void Session::consumed(StreamId id, std::size_t bytes, std::uint64_t now) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  stream.held -= std::min<std::uint64_t>(bytes, stream.held);
  if (stream.finished_there) return forget_if_over(id);
  stream.consumed += static_cast<std::uint32_t>(bytes);
  if (stream.consumed < stream.window / 2) return;
  std::uint32_t grant = std::exchange(stream.consumed, 0);
  const bool quick = now - stream.last_grant < kQuickMs;
  stream.last_grant = now;
  if (quick) grant += grow(stream);
  stream.may_receive += grant;
  stream.credit_due += grant;
  if (!std::exchange(stream.credit_queued, true)) credits_.push_back(id);
}

// By how much; streams that are still to come have a claim to their first windows.
std::uint32_t Session::grow(Stream& stream) {
  const std::size_t claimed = (limits_.streams - streams_.size()) * kFirstWindow;
  const std::uint32_t more = std::min(stream.window, limits_.largest_window - stream.window);
  if (windows_ + claimed + more > limits_.all_windows) return 0;
  windows_ += more;
  stream.window += more;
  return more;
}

void Session::reset(StreamId stream, int error) {
  if (!knows(stream)) return;
  control(FrameType::kReset, stream, number(static_cast<unsigned>(error), kNumberSize));
  forget(stream);
}

void Session::doom(StreamId id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  found->second.doomed = true;
  if (found->second.may_send > 0 && !found->second.finished_here) return readable(id);
  reset(id, ECONNRESET);
  events_.on_reset(id, ECONNRESET);
}

void Session::send(FrameType type, std::string_view payload, std::uint8_t flags) {
  control(type, 0, payload, flags);
}

bool Session::broken(const char* rule) {
  trouble_ = rule;
  return false;
}

bool Session::feed(std::string_view bytes) {
  if (reader_.feed(bytes, frames_)) return true;
  if (*trouble_ == '\0') trouble_ = "what it sends are no frames";
  return false;
}

bool Session::on_frame(const FrameHeader& header, std::string_view payload) {
  if (control_size_ > kMostControl) return broken("it does not read what it asks for");
  if (header.type == FrameType::kOpen) return on_open_frame(header.stream, payload);
  if (header.stream == 0) {
    if (header.type == FrameType::kPing) {
      pong_due_ = true;
      return true;
    }
    return events_.on_message(header, payload) || broken("a message that makes no sense");
  }
  if (header.stream > last_) return broken("a stream that was never opened");
  const auto found = streams_.find(header.stream);
  if (found == streams_.end()) return true;  // was under way when it was reset here
  return on_stream_frame(found->second, header, payload);
}

bool Session::on_stream_frame(Stream& stream, const FrameHeader& header, std::string_view payload) {
  const StreamId id = header.stream;
  switch (header.type) {
    case FrameType::kData:
      return on_data_frame(stream, id, payload);
    case FrameType::kFinish:
      return on_finish_frame(stream, id, payload);
    case FrameType::kCredit: {
      if (payload.size() != kNumberSize) return broken("a credit of the wrong size");
      // Beyond what a window ever is, it is not credit but a lie; harmless, and kept bounded.
      stream.may_send =
          std::min<std::uint64_t>(stream.may_send + read_number(payload, kNumberSize), UINT32_MAX);
      take_turn(id, stream);
      return true;
    }
    case FrameType::kReset:
      if (payload.size() != kNumberSize) return broken("a reset of the wrong size");
      forget(id);
      events_.on_reset(id, error_of(payload, ECONNRESET));
      return true;
    case FrameType::kOpened:
      if (side_ != Side::kOpens || !payload.empty() || std::exchange(stream.answered, true)) {
        return broken("an answer to no question");
      }
      events_.on_opened(id);
      return true;
    case FrameType::kRefused:
      if (side_ != Side::kOpens || payload.size() != kNumberSize || stream.answered) {
        return broken("an answer to no question");
      }
      forget(id);
      events_.on_refused(id, error_of(payload, ECONNREFUSED));
      return true;
    default:
      return broken("a message of the connection on a stream");
  }
}

bool Session::on_open_frame(StreamId id, std::string_view payload) {
  const auto endpoint = decode_endpoint(payload);
  if (side_ != Side::kAccepts || !endpoint) return broken("an opening that makes no sense");
  if (id <= last_) return broken("a stream opened twice");
  if (streams_.size() >= limits_.streams) return broken("too many streams");
  add(id).readable = false;  // until its dial has succeeded
  events_.on_open(id, *endpoint);
  return true;
}

bool Session::on_data_frame(Stream& stream, StreamId id, std::string_view payload) {
  if (stream.finished_there) return broken("bytes after the end");
  if (payload.size() > stream.may_receive) return broken("more bytes than were granted");
  stream.may_receive -= payload.size();
  stream.received += payload.size();
  stream.held += payload.size();
  if (!payload.empty()) events_.on_data(id, payload);
  return true;
}

bool Session::on_finish_frame(Stream& stream, StreamId id, std::string_view payload) {
  if (payload.size() != kTotalSize) return broken("an end of the wrong size");
  if (stream.finished_there) return broken("a second end");
  if (read_number(payload, kTotalSize) != stream.received) {
    return broken("a stream with bytes missing");
  }
  stream.finished_there = true;
  events_.on_finish(id);
  forget_if_over(id);
  return true;
}

std::size_t Session::fill(char* to, std::size_t most) {
  std::size_t filled = fill_control(to, most);
  if (!control_.empty()) return filled;
  filled += fill_credit(to + filled, most - filled);
  while (!turns_.empty() && most - filled >= kHeaderSize + kMostPayload) {
    const StreamId id = turns_.front();
    turns_.pop_front();
    filled += fill_stream(to + filled, id, turns_.empty() ? kMostPayload : kMostShared);
  }
  // What reading has brought up, an end for instance.
  return filled + (control_.empty() ? 0 : fill_control(to + filled, most - filled));
}

std::size_t Session::fill_control(char* to, std::size_t most) {
  std::size_t filled = 0;
  if (control_sent_ == 0 && most >= kHeaderSize && std::exchange(pong_due_, false)) {
    write_header(to, {FrameType::kPong, 0, 0, 0});
    filled = kHeaderSize;
  }
  while (!control_.empty() && filled < most) {
    const std::string& first = control_.front();
    const std::size_t part = std::min(first.size() - control_sent_, most - filled);
    first.copy(to + filled, part, control_sent_);
    filled += part;
    control_sent_ += part;
    if (control_sent_ < first.size()) break;
    control_size_ -= first.size();
    control_.pop_front();
    control_sent_ = 0;
  }
  return filled;
}

std::size_t Session::fill_credit(char* to, std::size_t most) {
  std::size_t filled = 0;
  while (!credits_.empty() && most - filled >= kHeaderSize + kNumberSize) {
    const StreamId id = credits_.front();
    credits_.pop_front();
    const auto found = streams_.find(id);
    if (found == streams_.end()) continue;
    found->second.credit_queued = false;
    const std::string bytes = frame(
        FrameType::kCredit, id, number(std::exchange(found->second.credit_due, 0), kNumberSize));
    filled += bytes.copy(to + filled, bytes.size());
  }
  return filled;
}

std::size_t Session::fill_stream(char* to, StreamId id, std::size_t most_payload) {
  auto found = streams_.find(id);
  if (found == streams_.end()) return 0;
  found->second.in_turn = false;
  if (found->second.finished_here) return 0;
  const std::size_t most = std::min<std::uint64_t>(most_payload, found->second.may_send);
  if (most == 0) return 0;
  const auto bytes = events_.read(id, to + kHeaderSize, most);
  found = streams_.find(id);  // reading may have ended it
  if (found == streams_.end()) return 0;
  Stream& stream = found->second;
  if (bytes.size == 0) {
    stream.readable = false;
    if (bytes.why == SessionEvents::Nothing::kReset) {
      reset(id, ECONNRESET);
    } else if (stream.doomed) {
      reset(id, ECONNRESET);
      events_.on_reset(id, ECONNRESET);
    } else if (bytes.why == SessionEvents::Nothing::kEnd) {
      control(FrameType::kFinish, id, number(stream.sent, kTotalSize));
      stream.finished_here = true;
      forget_if_over(id);
    }
    return 0;
  }
  stream.sent += bytes.size;
  stream.may_send -= bytes.size;
  write_header(to, {FrameType::kData, 0, id, static_cast<std::uint32_t>(bytes.size)});
  take_turn(id, stream);
  if (stream.doomed && stream.may_send == 0) doom(id);
  return kHeaderSize + bytes.size;
}

}  // namespace fairlead::target::mux
