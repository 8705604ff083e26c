// The sockets of one end of a multiplexed connection, and the channel they share: raw epoll, one
// thread, nothing blocks but waiting. The same code runs here and in the agent; what they do
// differently is behind CarrierOwner. SPEC.md "Mux". Thread rule: the thread that calls run().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/unique_fd.h"
#include "target/mux/session.h"
#include "target/stream_outcome.h"

namespace fairlead::target::mux {

// Takes off what else is wrapped around the bytes of a channel.
class Unwrapper {
 public:
  using Take = std::function<bool(std::string_view payload)>;
  virtual ~Unwrapper() = default;
  // False: malformed, or `take` said so.
  virtual bool feed(std::string_view raw, const Take& take) = 0;
  // What came beside the bytes, for people: bounded, hostile.
  virtual std::string aside() const = 0;
};

class CarrierOwner {
 public:
  virtual ~CarrierOwner() = default;
  // Only where streams are accepted: attach() a socket that is being dialled, or refuse().
  virtual void on_open(StreamId stream, const base::Endpoint& endpoint) = 0;
  virtual bool on_message(const FrameHeader& header, std::string_view payload) = 0;
  // Milliseconds until on_time() is to be called.
  virtual int next_time(std::uint64_t now) = 0;
  virtual void on_time(std::uint64_t now) = 0;
  // The descriptor of watch() is readable.
  virtual void on_wakeup() = 0;
};

class Carrier : private SessionEvents {
 public:
  // `owner` must outlive this. `unwrapper` may be null.
  Carrier(Session::Side side, CarrierOwner& owner, std::string_view nonce,
          std::unique_ptr<Unwrapper> unwrapper);
  ~Carrier() override;

  // A channel of two directions is one descriptor, given once (`out` empty). False: errno.
  bool start(base::UniqueFd in, base::UniqueFd out, int wakeup_fd = -1);
  // What has come already, before run().
  void start_with(std::string bytes) { first_ = std::move(bytes); }
  static constexpr const char* kChannelClosed = "the channel was closed";
  // Until the channel has ended or stop(). Every stream is reset then; ended_by() says why.
  void run();
  void stop(std::string why);
  const std::string& ended_by() const { return why_; }
  // What came instead of frames, or beside them: for people, bounded, hostile.
  std::string aside() const;

  // A stream to the peer; `socket` is one end of a pair. False: no more streams.
  bool open(const base::Endpoint& endpoint, base::UniqueFd socket,
            std::shared_ptr<StreamOutcome> outcome);
  // In on_open().
  void attach(StreamId stream, base::UniqueFd dialling);
  void refuse(StreamId stream, int error) { session_.refused(stream, error); }
  void send(FrameType type, std::string_view payload, std::uint8_t flags = 0) {
    session_.send(type, payload, flags);
  }

  std::size_t unsent() const { return session_.unsent(); }  // see Session
  std::uint64_t last_heard() const { return last_heard_; }  // milliseconds, as now()
  static std::uint64_t now();

 private:
  struct Socket {
    base::UniqueFd fd;
    std::shared_ptr<StreamOutcome> outcome;
    bool dialling = false;
    bool finish = false;     // once the backlog is written
    bool read_end = false;   // nothing more comes out of it
    bool write_end = false;  // nothing more goes into it
    std::string backlog = {};
    std::size_t written = 0;  // of the backlog
  };

  void on_open(StreamId stream, const base::Endpoint& endpoint) override;
  void on_opened(StreamId stream) override;
  void on_refused(StreamId stream, int error) override;
  void on_data(StreamId stream, std::string_view bytes) override;
  void on_finish(StreamId stream) override;
  void on_reset(StreamId stream, int error) override;
  bool on_message(const FrameHeader& header, std::string_view payload) override;
  Bytes read(StreamId stream, char* to, std::size_t most) override;

  bool watch(int fd, std::uint32_t events, std::uint64_t mark);
  bool add(StreamId stream, Socket socket);
  void turn(int timeout);
  void on_event(std::uint64_t mark, std::uint32_t events);
  void on_socket(StreamId stream, std::uint32_t events);
  void dialled(StreamId stream, Socket& socket, std::uint32_t events);
  void read_input();
  void take_input(std::string_view bytes);
  bool write_output();
  void stop_writing(const std::string& reason);
  // Bytes that the socket took; SIZE_MAX: it is broken.
  std::size_t write_some(const Socket& socket, std::string_view bytes);
  void write_backlog(StreamId stream);
  void end_writing(StreamId stream, Socket& socket);
  void close_if_over(StreamId stream);
  void fail(StreamId stream);
  void drop(StreamId stream);

  CarrierOwner& owner_;
  Session session_;
  std::unique_ptr<Unwrapper> unwrapper_;
  std::string first_;
  base::UniqueFd epoll_;
  base::UniqueFd in_;
  base::UniqueFd out_;  // empty: `in_` has both directions
  bool input_ready_ = false;
  bool output_ready_ = false;
  std::unique_ptr<char[]> input_;
  std::unique_ptr<char[]> output_;
  std::size_t output_begin_ = 0;
  std::size_t output_end_ = 0;
  std::uint64_t last_heard_ = 0;
  std::unordered_map<StreamId, Socket> sockets_;
  bool stopped_ = false;
  std::string why_;
};

}  // namespace fairlead::target::mux
