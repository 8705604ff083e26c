// One end of a multiplexed connection between a peer that sends anything and an owner that does
// anything. The first byte chooses the side, the rest are steps: what to do, and with what.
#include "target/mux/session.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/fuzz/require.h"

using namespace fairlead;
using namespace fairlead::target::mux;

namespace {

// Small, so that they are reached.
Session::Limits limits() {
  Session::Limits limits;
  limits.streams = 4;
  limits.largest_window = 4 * Session::kFirstWindow;
  limits.all_windows = 7 * Session::kFirstWindow;
  return limits;
}

struct Stream {
  std::uint64_t available = 0;  // what its socket has for the peer
  bool ends = false;
  bool broken = false;
  std::uint64_t came = 0;
  std::uint64_t consumed = 0;
  bool finished = false;      // by the peer
  std::uint64_t told = 0;     // credit, to the peer
  std::uint64_t granted = 0;  // credit, by the peer
  std::uint64_t sent = 0;     // to the peer
  bool said_finish = false;
  bool said_last = false;  // a reset or a refusal

  std::uint64_t held() const { return came - consumed; }
};

using Streams = std::map<StreamId, Stream>;

// The peer's view: reads what the session sends.
struct Peer : FrameReader::Sink {
  explicit Peer(Streams& all) : streams(all) {}
  Streams& streams;

  bool on_frame(const FrameHeader& header, std::string_view payload) override {
    if (header.stream == 0) return true;
    Stream& stream = streams[header.stream];
    fuzz::require(!stream.said_last, "nothing follows a reset or a refusal");
    if (header.type == FrameType::kCredit) stream.told += read_number(payload, 4);
    if (header.type == FrameType::kReset || header.type == FrameType::kRefused) {
      stream.said_last = true;
    }
    if (header.type == FrameType::kFinish) {
      fuzz::require(!stream.said_finish, "an end is told once");
      fuzz::require(read_number(payload, 8) == stream.sent, "an end says how much there was");
      stream.said_finish = true;
    }
    if (header.type == FrameType::kData) {
      fuzz::require(!stream.said_finish, "no bytes follow the end");
      fuzz::require(!payload.empty(), "there is no empty data");
      stream.sent += payload.size();
      fuzz::require(stream.sent <= Session::kFirstWindow + stream.granted,
                    "no more is sent than was granted");
    }
    return true;
  }
};

// What the peer grants, read beside the session: at least what that has understood.
struct Grants : FrameReader::Sink {
  explicit Grants(Streams& all) : streams(all) {}
  Streams& streams;

  bool on_frame(const FrameHeader& header, std::string_view payload) override {
    if (header.type == FrameType::kCredit && payload.size() == 4) {
      streams[header.stream].granted += read_number(payload, 4);
    }
    return true;
  }
};

class Owner : public SessionEvents {
 public:
  explicit Owner(Session::Side side) : session_(side, *this, {}, limits()) {}

  void run(std::string_view script) {
    script_ = script;
    while (!script_.empty() && step()) check();
    fill(255);
    check();
  }

 private:
  std::uint8_t byte() {
    if (script_.empty()) return 0;
    const char first = script_.front();
    script_.remove_prefix(1);
    return static_cast<std::uint8_t>(first);
  }
  StreamId stream() { return byte() % 8U; }

  // False: the connection has ended.
  bool step() {
    const std::uint8_t what = byte();
    switch (what % 12) {
      case 0: {  // bytes
        const auto bytes = script_.substr(0, byte());
        script_.remove_prefix(std::min(bytes.size(), script_.size()));
        return feed(bytes);
      }
      case 1: {  // a frame
        const auto type = static_cast<FrameType>(byte() % (kHighestType + 2));
        const StreamId id = stream();
        const std::string payload(std::size_t{byte()} * 129, what < 128 ? '\0' : '\1');
        return feed(frame(type, id, payload, byte()));
      }
      case 2: {  // a frame of numbers
        const auto type = static_cast<FrameType>(byte() % (kHighestType + 1));
        const StreamId id = stream();
        std::string payload;
        const std::uint64_t value = std::uint64_t{byte()} << (byte() % 32);
        append_number(payload, value, what < 128 ? 4 : 8);
        return feed(frame(type, id, payload));
      }
      case 3: {  // an end that is right, or an opening
        const StreamId id = stream();
        std::string payload;
        append_number(payload, streams_[id].came, 8);
        if (what < 128) return feed(frame(FrameType::kFinish, id, payload));
        return feed(frame(FrameType::kOpen, id, encode_endpoint({{}, byte()})));
      }
      case 4: {
        const bool may = session_.streams() < limits().streams && highest_ != UINT32_MAX;
        const auto id = session_.open({base::IpAddress::loopback4(), byte()});
        fuzz::require(id.has_value() == may, "streams are opened while there may be more");
        if (!id) break;
        fuzz::require(*id > highest_, "no number is used twice");
        highest_ = *id;
        break;
      }
      case 5: {
        const StreamId id = stream();
        Stream& one = streams_[id];
        const std::uint64_t bytes = one.held() * byte() / 255;
        one.consumed += bytes;
        now_ += byte();
        session_.consumed(id, bytes, now_);
        break;
      }
      case 6: {
        const StreamId id = stream();
        Stream& one = streams_[id];
        one.available += std::uint64_t{byte()} << 8;
        one.ends = one.ends || what >= 128;
        one.broken = one.broken || what >= 240;
        session_.readable(id);
        break;
      }
      case 7:
        session_.reset(stream(), byte());
        break;
      case 8:
        fill(byte());
        break;
      case 9:
        session_.opened(stream());
        break;
      case 10:
        session_.refused(stream(), byte());
        break;
      default:
        session_.send(static_cast<FrameType>(byte() % kHighestType + 1),
                      std::string(std::size_t{byte()} * 128, 'm'));
        break;
    }
    return true;
  }

  bool feed(std::string_view bytes) {
    // In memory of exactly their size, so that a look behind them is seen.
    const std::vector<char> exact(bytes.begin(), bytes.end());
    const std::string_view fed(exact.data(), exact.size());
    grants_reader_.feed(fed, grants_);
    const bool fine = session_.feed(fed);
    fuzz::require(fine || *session_.trouble() != '\0', "trouble has a name");
    return fine;
  }

  void fill(std::uint8_t more) {
    std::vector<char> buffer(kHeaderSize + kMostPayload + std::size_t{more} * 128);
    const std::size_t size = session_.fill(buffer.data(), buffer.size());
    fuzz::require(size <= buffer.size(), "no more is filled than there is place for");
    fuzz::require(peer_reader_.feed({buffer.data(), size}, peer_), "what is sent are frames");
  }

  void check() {
    fuzz::require(session_.streams() <= limits().streams, "streams are bounded");
    std::uint64_t windows = 0;
    for (const auto& [id, one] : streams_) {
      fuzz::require(one.held() <= limits().largest_window, "what is held fits a window");
      const std::uint64_t granted = Session::kFirstWindow + one.told;
      fuzz::require(granted <= one.consumed + limits().largest_window, "a window is bounded");
      if (!session_.knows(id)) continue;
      windows += std::max(one.held(), granted - std::min(granted, one.consumed));
    }
    fuzz::require(windows <= limits().all_windows, "all windows together are bounded");
  }

  void on_open(StreamId id, const base::Endpoint& endpoint) override {
    fuzz::require(session_.knows(id), "a stream is known when it is opened");
    fuzz::require(id > std::exchange(highest_, id), "no number is used twice");
    if (endpoint.port % 4 == 1) session_.refused(id, ECONNREFUSED);
    if (endpoint.port % 4 == 2) session_.opened(id);
  }
  void on_opened(StreamId id) override {
    fuzz::require(session_.knows(id), "what is answered was asked");
  }
  void on_refused(StreamId id, int error) override { gone(id, error); }
  void on_data(StreamId id, std::string_view bytes) override {
    fuzz::require(session_.knows(id), "bytes come on a stream that is there");
    fuzz::require(!bytes.empty(), "bytes are some");
    Stream& stream = streams_[id];
    fuzz::require(!stream.finished, "no bytes come after the end");
    stream.came += bytes.size();
    if (bytes.size() % 16 == 7) {  // the socket takes them at once
      stream.consumed += bytes.size();
      session_.consumed(id, bytes.size(), now_);
    }
    if (bytes.size() % 16 == 8) session_.reset(id, EPIPE);  // or is broken
  }
  void on_finish(StreamId id) override {
    fuzz::require(session_.knows(id), "an end comes on a stream that is there");
    fuzz::require(!std::exchange(streams_[id].finished, true), "there is one end");
  }
  void on_reset(StreamId id, int error) override { gone(id, error); }
  bool on_message(const FrameHeader& header, std::string_view payload) override {
    fuzz::require(header.length == payload.size(), "a header says how long its payload is");
    return header.flags != 255;
  }
  Bytes read(StreamId id, char* to, std::size_t most) override {
    fuzz::require(session_.knows(id), "only streams that are there are read");
    fuzz::require(most > 0 && most <= kMostPayload, "a frame's payload is asked for");
    Stream& stream = streams_[id];
    if (stream.broken) {
      if (id % 2 == 0) session_.reset(id, EPIPE);
      return {0, Nothing::kReset};
    }
    if (stream.ends) session_.readable(id);
    const std::size_t size = std::min<std::uint64_t>(most, stream.available);
    std::fill_n(to, size, 'b');
    stream.available -= size;
    return {size, stream.ends ? Nothing::kEnd : Nothing::kNow};
  }

  void gone(StreamId id, int error) {
    fuzz::require(!session_.knows(id), "what is gone is forgotten");
    fuzz::require(error > 0 && error < 4096, "an error is one");
  }

  Session session_;
  Streams streams_;
  Grants grants_{streams_};
  FrameReader grants_reader_;
  Peer peer_{streams_};
  FrameReader peer_reader_;
  std::string_view script_;
  std::uint64_t now_ = 1000;
  StreamId highest_ = 0;
};

}  // namespace

FAIRLEAD_FUZZER(mux_session) {
  if (size == 0) return 0;
  Owner(data[0] % 2 == 0 ? Session::Side::kOpens : Session::Side::kAccepts)
      .run(fuzz::text_of(data, size).substr(1));
  return 0;
}
