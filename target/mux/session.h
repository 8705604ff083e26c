// The rules of a multiplexed connection, the same at both ends: who may open streams, how much may
// be under way, whose turn it is. Pure: bytes go in by feed(), come out by fill(); the sockets are
// its owner's.
//
//   open ──▶ opened ──▶ finished here / finished there ──▶ both: forgotten
//     └────────┴── reset by either side ──▶ forgotten at once
//
// Each stream may have so many bytes under way as its receiver has granted: a small window at
// first, doubled while it is drained quickly, as long as all windows together stay below a bound.
// Reading never waits on writing, and a stream that is stuck holds up no other. A stream's end
// carries its count of bytes: one that was cut off is never taken for a complete one. SPEC.md
// "Mux". Thread rule: one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/endpoint.h"
#include "target/mux/frame.h"

namespace fairlead::target::mux {

using StreamId = std::uint32_t;

// What the sockets of one end do. Called from within feed() and fill(); may call the session back,
// fill() and feed() excepted.
class SessionEvents {
 public:
  virtual ~SessionEvents() = default;

  // Only where streams are accepted: to be dialled, then opened() or refused().
  virtual void on_open(StreamId stream, const base::Endpoint& endpoint) = 0;
  virtual void on_opened(StreamId stream) = 0;
  // The stream is forgotten.
  virtual void on_refused(StreamId stream, int error) = 0;
  // All of it is taken; consumed() says when it has reached the socket.
  virtual void on_data(StreamId stream, std::string_view bytes) = 0;
  // No more bytes will come, and none is missing.
  virtual void on_finish(StreamId stream) = 0;
  // The stream is forgotten, whatever was under way is lost.
  virtual void on_reset(StreamId stream, int error) = 0;
  // Everything that is no stream's. False: it makes no sense.
  virtual bool on_message(const FrameHeader& header, std::string_view payload) = 0;

  // The stream's own bytes, for the peer. Nothing: see `why`; after kNow it is asked again when
  // readable() says so (which it must not from in here).
  enum class Nothing : std::uint8_t { kNow, kEnd, kReset };
  struct Bytes {
    std::size_t size = 0;
    Nothing why = Nothing::kNow;  // if size is 0
  };
  virtual Bytes read(StreamId stream, char* to, std::size_t most) = 0;
};

class Session {
 public:
  enum class Side : std::uint8_t { kOpens, kAccepts };
  struct Limits {
    std::size_t streams = 1024;
    std::uint32_t largest_window = 4U << 20;
    std::size_t all_windows = 96U << 20;  // at least a first window for each
  };
  static constexpr std::uint32_t kFirstWindow = 64U << 10;  // both ends take it for granted

  // `nonce`: see FrameReader. `events` must outlive this.
  Session(Side side, SessionEvents& events, std::string_view nonce, const Limits& limits);
  Session(Side side, SessionEvents& events, std::string_view nonce = {})
      : Session(side, events, nonce, Limits()) {}

  // Nothing: as many as there may be.
  std::optional<StreamId> open(const base::Endpoint& endpoint);
  void opened(StreamId stream);  // and readable
  void refused(StreamId stream, int error);
  // read() has bytes again, or their end.
  void readable(StreamId stream);
  // So many bytes of on_data() have reached the socket. Milliseconds of any steady clock.
  void consumed(StreamId stream, std::size_t bytes, std::uint64_t now);
  // Forgets it and tells the peer.
  void reset(StreamId stream, int error);
  // Its socket has failed: what can be read and may be sent is sent, and then it is reset, at the
  // latest when the leave to send is used up (on_reset() says so, unless read() did).
  void doom(StreamId stream);
  // Of the connection's own.
  void send(FrameType type, std::string_view payload, std::uint8_t flags = 0);
  // Bytes of control that wait to be filled in.
  std::size_t unsent() const { return control_size_; }

  // False: the peer has broken the rules; trouble() says which. Nothing may be fed any more.
  bool feed(std::string_view bytes);
  const char* trouble() const { return trouble_; }
  const std::string& noise() const { return reader_.noise(); }  // see FrameReader

  // Bytes for the peer, at most `most` (at least kHeaderSize + kMostPayload): what control there is
  // first, then of each stream in turn. 0: nothing, until something is called.
  std::size_t fill(char* to, std::size_t most);

  bool knows(StreamId stream) const { return streams_.contains(stream); }
  std::size_t streams() const { return streams_.size(); }

 private:
  struct Stream {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t held = 0;  // received, and not yet consumed
    std::uint64_t may_send = kFirstWindow;
    std::uint64_t may_receive = kFirstWindow;
    std::uint32_t window = kFirstWindow;
    std::uint32_t consumed = 0;    // since the last grant
    std::uint32_t credit_due = 0;  // granted, not yet told
    std::uint64_t last_grant = 0;  // when
    bool answered = false;         // the peer has dialled
    bool finished_here = false;    // our end is sent
    bool finished_there = false;   // the peer's has come
    bool readable = true;
    bool doomed = false;
    bool in_turn = false;
    bool credit_queued = false;
  };
  using Streams = std::unordered_map<StreamId, Stream>;

  class Frames : public FrameReader::Sink {
   public:
    explicit Frames(Session& session) : session_(session) {}
    bool on_frame(const FrameHeader& header, std::string_view payload) override {
      return session_.on_frame(header, payload);
    }

   private:
    Session& session_;
  };

  bool on_frame(const FrameHeader& header, std::string_view payload);
  bool on_stream_frame(Stream& stream, const FrameHeader& header, std::string_view payload);
  bool on_open_frame(StreamId id, std::string_view payload);
  bool on_data_frame(Stream& stream, StreamId id, std::string_view payload);
  bool on_finish_frame(Stream& stream, StreamId id, std::string_view payload);
  bool broken(const char* rule);
  Stream& add(StreamId id);
  void forget(StreamId id);
  void forget_if_over(StreamId id);
  void take_turn(StreamId id, Stream& stream);
  std::uint32_t grow(Stream& stream);
  void control(FrameType type, StreamId stream, std::string_view payload, std::uint8_t flags = 0);
  std::size_t fill_control(char* to, std::size_t most);
  std::size_t fill_credit(char* to, std::size_t most);
  std::size_t fill_stream(char* to, StreamId id, std::size_t most_payload);

  const Side side_;
  SessionEvents& events_;
  const Limits limits_;
  Frames frames_{*this};
  FrameReader reader_;
  Streams streams_;
  StreamId last_ = 0;           // the highest that was ever opened
  std::size_t windows_ = 0;     // of all streams
  std::deque<StreamId> turns_;  // streams with bytes and leave to send them
  std::deque<StreamId> credits_;
  std::deque<std::string> control_;
  std::size_t control_sent_ = 0;  // of the first
  std::size_t control_size_ = 0;
  bool pong_due_ = false;
  const char* trouble_ = "";
};

}  // namespace fairlead::target::mux
