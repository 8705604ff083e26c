// Streams of a channel to servers on this machine's loopback, both ends in one loop of the test's:
// what each has said and heard, and how it ended.
#pragma once

#include <algorithm>
#include <deque>

#include "tests/integration/mux_fixture.h"

namespace fairlead::testing {

// One end of a stream: says so many bytes, in pieces, then ends its direction; hears the other's.
class StreamEnd {
 public:
  enum class Ending : std::uint8_t { kNone, kOrderly, kBroken };

  StreamEnd(base::UniqueFd fd, std::uint64_t says, std::size_t to_say, std::uint64_t hears,
            std::size_t to_hear)
      : fd_(std::move(fd)), says_(says), hears_(hears), to_say_(to_say), to_hear_(to_hear) {
    make_nonblocking(fd_.get());
  }

  short wants() const {
    const bool reads = reading && ending_ == Ending::kNone;
    return static_cast<short>((reads ? POLLIN : 0) | (done_saying() ? 0 : POLLOUT));
  }
  void step(short ready, std::mt19937_64& random) {
    if (ready == 0) return;
    if (reading && ending_ == Ending::kNone) hear();
    if (!done_saying()) say(random);
  }

  bool reading = true;
  int fd() const { return fd_.get(); }
  Ending ending() const { return ending_; }
  std::size_t heard() const { return heard_; }
  bool over() const { return ending_ != Ending::kNone && done_saying(); }
  // Everything was heard as it was said, nothing else, and then the end.
  bool complete() const { return ending_ == Ending::kOrderly && right_ && heard_ == to_hear_; }
  bool right() const { return right_; }
  bool said_everything() const { return shut_ && !failed_; }

 private:
  bool done_saying() const { return shut_ || failed_; }
  void hear() {
    char buffer[32 << 10];
    const ssize_t count = recv(fd_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count > 0) {
      right_ = right_ && hears_.matches(buffer, static_cast<std::size_t>(count));
      heard_ += static_cast<std::size_t>(count);
    } else {
      // A reset is told once: whoever was writing has heard it there.
      ending_ = count == 0 && !failed_ ? Ending::kOrderly : Ending::kBroken;
    }
  }
  void say(std::mt19937_64& random) {
    if (piece_.empty()) piece_ = says_.take(std::min(to_say_ - said_, 1 + random() % (48U << 10)));
    const ssize_t count =
        send(fd_.get(), piece_.data(), piece_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) {
      failed_ = errno != EAGAIN && errno != EINTR;
      return;
    }
    said_ += static_cast<std::size_t>(count);
    piece_.erase(0, static_cast<std::size_t>(count));
    if (said_ == to_say_) shut_ = shutdown(fd_.get(), SHUT_WR) == 0;
  }

  base::UniqueFd fd_;
  ByteStream says_;
  ByteStream hears_;
  const std::size_t to_say_;
  const std::size_t to_hear_;
  std::string piece_;
  std::size_t said_ = 0;
  std::size_t heard_ = 0;
  bool right_ = true;
  bool shut_ = false;
  bool failed_ = false;
  Ending ending_ = Ending::kNone;
};

class Traffic {
 public:
  explicit Traffic(std::uint64_t seed)
      : seed_(seed),
        random_(seed),
        listener_(*base::listen_tcp({base::IpAddress::loopback4(), 0}, 1024)),
        endpoint_(*base::local_endpoint(listener_)) {}

  struct Stream {
    std::uint64_t seed;
    std::size_t there;  // bytes to the server, at least one
    std::size_t back;
    std::shared_ptr<target::StreamOutcome> outcome;
    std::unique_ptr<StreamEnd> near;
    std::unique_ptr<StreamEnd> server;  // once it has come
    bool looked_at = false;             // the outcome, as soon as the near end had ended
    bool broken = false;                // what it said
  };

  Stream& open(Channel& channel, std::size_t there, std::size_t back) {
    FdPair ends = socket_pair();
    const std::uint64_t number = streams_.size();
    const std::uint64_t stream_seed = seed_ * 1000 + number * 2;
    auto outcome = std::make_shared<target::StreamOutcome>();
    // It says first which one it is.
    const char name = static_cast<char>(number);
    EXPECT_EQ(send(ends.one.get(), &name, 1, 0), 1);
    auto near =
        std::make_unique<StreamEnd>(std::move(ends.one), stream_seed, there, stream_seed + 1, back);
    channel.open(endpoint_, std::move(ends.other), outcome);
    return streams_.emplace_back(
        Stream{stream_seed, there, back, std::move(outcome), std::move(near), nullptr});
  }

  // Until `done`, looked at after every step; false if it takes too long.
  template <class Done>
  bool run(Done done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!done()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      step();
    }
    return true;
  }
  // Every stream has ended on both sides; a server that was never reached has.
  bool all_over() const {
    return std::all_of(streams_.begin(), streams_.end(), [](const Stream& stream) {
      return stream.near->over() && (!stream.server || stream.server->over());
    });
  }
  bool run_to_the_end() {
    return run([this] { return all_over(); });
  }

  std::deque<Stream>& streams() { return streams_; }
  const base::Endpoint& endpoint() const { return endpoint_; }

  bool complete() const {
    return std::all_of(streams_.begin(), streams_.end(), [](const Stream& stream) {
      return stream.near->complete() && stream.server && stream.server->complete();
    });
  }
  void expect_complete() const {
    for (const Stream& stream : streams_) {
      EXPECT_TRUE(stream.near->complete()) << stream.near->heard() << " of " << stream.back;
      EXPECT_FALSE(stream.broken);
      ASSERT_TRUE(stream.server);
      EXPECT_TRUE(stream.server->complete()) << stream.server->heard() << " of " << stream.there;
      EXPECT_TRUE(stream.near->said_everything() && stream.server->said_everything());
    }
  }
  // Nobody takes a stream with bytes missing, or other bytes, for a whole one.
  void expect_no_false_end() const {
    for (const Stream& stream : streams_) {
      if (!stream.near->complete()) {
        EXPECT_TRUE(stream.broken) << stream.near->heard() << " of " << stream.back;
      }
      if (stream.server && !stream.server->complete()) {
        EXPECT_EQ(stream.server->ending(), StreamEnd::Ending::kBroken)
            << stream.server->heard() << " of " << stream.there << "; the other way "
            << stream.near->heard() << " of " << stream.back
            << (stream.near->complete() ? ", complete" : ", not complete");
      }
    }
  }
  void expect_no_other_bytes() const {
    for (const Stream& stream : streams_) {
      EXPECT_TRUE(stream.near->right());
      EXPECT_TRUE(!stream.server || stream.server->right());
    }
  }

 private:
  void step() {
    std::vector<pollfd> entries{{listener_.get(), POLLIN, 0}};
    for (const base::UniqueFd& fd : nameless_) entries.push_back({fd.get(), POLLIN, 0});
    const std::size_t first = entries.size();
    std::vector<StreamEnd*> ends;
    for (const Stream& stream : streams_) {
      for (StreamEnd* end : {stream.near.get(), stream.server.get()}) {
        if (end == nullptr || end->wants() == 0) continue;
        ends.push_back(end);
        entries.push_back({end->fd(), end->wants(), 0});
      }
    }
    // Not for long: what is waited for may be no descriptor's.
    if (poll(entries.data(), entries.size(), 10) <= 0) return;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      ends[i]->step(entries[first + i].revents, random_);
    }
    for (Stream& stream : streams_) {
      if (stream.near->ending() == StreamEnd::Ending::kNone) continue;
      if (!std::exchange(stream.looked_at, true)) stream.broken = stream.outcome->broken;
    }
    for (std::size_t i = first - 1; i > 0; --i) {
      if (entries[i].revents != 0) name(i - 1);
    }
    if (entries[0].revents != 0) {
      if (auto server = base::accept_connection(listener_.get())) {
        nameless_.push_back(std::move(*server));
      }
    }
  }
  void name(std::size_t which) {
    base::UniqueFd fd = std::move(nameless_[which]);
    nameless_.erase(nameless_.begin() + static_cast<std::ptrdiff_t>(which));
    char byte = 0;
    if (recv(fd.get(), &byte, 1, MSG_DONTWAIT) != 1) return;
    const auto number = static_cast<unsigned char>(byte);
    // Of a channel with garbage in it anything may come.
    if (number >= streams_.size() || streams_[number].server) return;
    Stream& stream = streams_[number];
    stream.server = std::make_unique<StreamEnd>(std::move(fd), stream.seed + 1, stream.back,
                                                stream.seed, stream.there);
  }

  const std::uint64_t seed_;
  std::mt19937_64 random_;
  const base::UniqueFd listener_;
  const base::Endpoint endpoint_;
  std::deque<Stream> streams_;
  std::vector<base::UniqueFd> nameless_;  // connections that have not said which they are
};

}  // namespace fairlead::testing
