// One end of a multiplexed connection in memory, and two of them joined: for tests of sessions.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "target/mux/session.h"

namespace fairlead::target::mux {

inline const base::Endpoint kDialled{base::IpAddress::loopback4(), 3000};

// Bytes of which each place knows its own.
inline std::string pattern(std::size_t size, unsigned seed = 1) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251 + seed);
  return bytes;
}

class End : public SessionEvents {
 public:
  static constexpr std::size_t kLargestBuffer = std::size_t{128} << 10;
  struct Stream {
    std::string input;        // for the peer
    std::size_t taken = 0;    // of it
    bool endless = false;     // the same byte again and again instead
    bool input_ends = false;  // with what is there
    bool broken = false;      // reading says so
    bool stuck = false;       // what comes is kept, and not consumed
    bool counted = false;     // what comes is not kept
    std::string output;       // from the peer
    std::size_t came = 0;     // from the peer
    std::size_t held = 0;     // of it: not consumed
    int opened = 0;
    int finished = 0;
    int refused = 0;  // why
    int reset = 0;    // why
  };

  explicit End(Session::Side side, std::string_view nonce = {}, const Session::Limits& limits = {})
      : session(side, *this, nonce, limits) {}

  Session session;
  std::map<StreamId, Stream> streams;
  std::map<StreamId, base::Endpoint> dialled;
  std::vector<FrameHeader> messages;
  std::uint64_t now = 1000000;
  std::uint64_t drain_time = 0;  // passes each time that something is consumed
  enum class Dial : std::uint8_t { kSucceeds, kFails, kTakesTime };
  Dial dial = Dial::kSucceeds;

  StreamId open() {
    const auto id = session.open(kDialled);
    EXPECT_TRUE(id);
    streams[*id];
    return *id;
  }
  void send(StreamId id, std::string_view bytes) {
    streams[id].input += bytes;
    session.readable(id);
  }
  void finish(StreamId id) {
    streams[id].input_ends = true;
    session.readable(id);
  }
  void succeed(StreamId id) {
    session.opened(id);
    session.readable(id);
  }
  void consume(StreamId id) {
    Stream& stream = streams[id];
    now += drain_time;
    session.consumed(id, std::exchange(stream.held, 0), now);
  }
  // Into the end of our memory, so that a write behind the buffer is seen.
  std::string fill(std::size_t most = kLargestBuffer) {
    char* const to = memory_.data() + memory_.size() - most;
    const std::size_t size = session.fill(to, most);
    EXPECT_LE(size, most);
    return {to, size};
  }
  // Out of the end of our memory, so that a look behind them is seen.
  bool feed(std::string_view bytes) {
    if (bytes.size() > memory_.size()) return session.feed(bytes);
    char* const from = memory_.data() + memory_.size() - bytes.size();
    bytes.copy(from, bytes.size());
    return session.feed({from, bytes.size()});
  }
  std::string fill_all() {
    std::string all;
    for (std::string part = fill(); !part.empty(); part = fill()) all += part;
    return all;
  }

  void on_open(StreamId stream, const base::Endpoint& endpoint) override {
    dialled[stream] = endpoint;
    streams[stream];
    if (dial == Dial::kSucceeds) succeed(stream);
    if (dial == Dial::kFails) session.refused(stream, ECONNREFUSED);
  }
  void on_opened(StreamId stream) override { ++streams[stream].opened; }
  void on_refused(StreamId stream, int error) override { streams[stream].refused = error; }
  void on_data(StreamId id, std::string_view bytes) override {
    Stream& stream = streams[id];
    EXPECT_EQ(stream.finished, 0) << "bytes after the end";
    EXPECT_FALSE(bytes.empty());
    if (!stream.counted) stream.output += bytes;
    stream.came += bytes.size();
    stream.held += bytes.size();
    if (!stream.stuck) consume(id);
  }
  void on_finish(StreamId stream) override { ++streams[stream].finished; }
  void on_reset(StreamId stream, int error) override { streams[stream].reset = error; }
  bool on_message(const FrameHeader& header, std::string_view) override {
    messages.push_back(header);
    return header.type != FrameType::kAskOwners || header.length % 8 == 0;
  }
  Bytes read(StreamId id, char* to, std::size_t most) override {
    Stream& stream = streams[id];
    if (stream.broken) return {0, Nothing::kReset};
    if (stream.endless) {
      std::fill_n(to, most, 'x');
      return {most, Nothing::kNow};
    }
    const std::size_t size = stream.input.copy(to, most, stream.taken);
    stream.taken += size;
    return {size, stream.input_ends ? Nothing::kEnd : Nothing::kNow};
  }

 private:
  std::vector<char> memory_ = std::vector<char>(kLargestBuffer);
};

// Two ends; what one fills goes to the other in pieces of sizes by chance.
class Joined {
 public:
  explicit Joined(unsigned seed = 1, const Session::Limits& limits = {})
      : here(Session::Side::kOpens, {}, limits),
        there(Session::Side::kAccepts, {}, limits),
        random_(seed) {}

  End here;
  End there;
  std::size_t least_buffer = kHeaderSize + kMostPayload;
  std::size_t largest_buffer = End::kLargestBuffer;
  bool records = false;
  std::string from_here;  // all that was ever fed

  // Once each way. False: there was nothing to be sent.
  bool turn() {
    const bool forth = carry(here, there);
    return carry(there, here) || forth;
  }
  // Until there is nothing to be sent.
  void run() {
    while (turn()) {
    }
  }
  // So often.
  void run(int turns) {
    while (turns-- > 0) turn();
  }
  // A stream on which one end sends without end and the other only counts: do not run() it to its
  // end while that consumes.
  StreamId flood(End& sender) {
    const StreamId id = here.open();
    (&sender == &here ? there : here).streams[id].counted = true;
    sender.streams[id].endless = true;
    return id;
  }
  // An open stream whose opening is through.
  StreamId open() {
    const StreamId id = here.open();
    run();
    return id;
  }

 private:
  std::size_t between(std::size_t least, std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(least, most)(random_);
  }
  bool carry(End& from, End& to) {
    const std::string bytes = from.fill(between(least_buffer, largest_buffer));
    if (records && &from == &here) from_here += bytes;
    for (std::string_view rest = bytes; !rest.empty();) {
      const auto piece = rest.substr(0, between(1, between(0, 3) == 0 ? 20 : 40000));
      rest.remove_prefix(piece.size());
      EXPECT_TRUE(to.feed(piece)) << to.session.trouble();
    }
    return !bytes.empty();
  }

  std::mt19937 random_;
};

struct SeenFrame {
  FrameHeader header;
  std::string payload;
};

// Of whole frames.
inline std::vector<SeenFrame> frames_in(std::string_view bytes) {
  class Keeper : public FrameReader::Sink {
   public:
    std::vector<SeenFrame> seen;
    bool on_frame(const FrameHeader& header, std::string_view payload) override {
      seen.push_back({header, std::string(payload)});
      return true;
    }
  };
  Keeper keeper;
  EXPECT_TRUE(FrameReader().feed(bytes, keeper));
  return keeper.seen;
}

inline std::string number(std::uint64_t value, std::size_t size) {
  std::string payload;
  append_number(payload, value, size);
  return payload;
}

}  // namespace fairlead::target::mux
