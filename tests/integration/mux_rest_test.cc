// A stream that is open, or half closed, costs nothing while nobody sends.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>

#include "target/mux/carrier.h"

namespace fairlead::target::mux {
namespace {

constexpr int kTickMs = 50;
constexpr int kTicks = 4;

// Ends its carrier after some ticks without a turn of any other kind, and counts the turns.
class Counter : public CarrierOwner {
 public:
  Carrier* carrier = nullptr;
  int turns = 0;
  int ticks = 0;

  void on_open(StreamId, const base::Endpoint&) override {}
  bool on_message(const FrameHeader&, std::string_view) override { return true; }
  int next_time(std::uint64_t now) override {
    ++turns;
    if (next_ == 0) next_ = now + kTickMs;
    return next_ > now ? static_cast<int>(next_ - now) : 0;
  }
  void on_time(std::uint64_t now) override {
    next_ = now + kTickMs;
    if (++ticks == kTicks) carrier->stop("enough");
  }
  void on_wakeup() override {}

 private:
  std::uint64_t next_ = 0;
};

struct Pair {
  Pair() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    near.reset(ends[0]);
    far.reset(ends[1]);
  }
  base::UniqueFd near;
  base::UniqueFd far;
};

class MuxRest : public ::testing::Test {
 protected:
  MuxRest() : carrier_(Session::Side::kOpens, owner_, {}, nullptr) {
    owner_.carrier = &carrier_;
    EXPECT_TRUE(carrier_.start(std::move(channel_.near), {}));
    EXPECT_TRUE(carrier_.open({base::IpAddress::loopback4(), 80}, std::move(client_.far),
                              std::make_shared<StreamOutcome>()));
  }
  void peer_says(const std::string& bytes) {
    ASSERT_EQ(send(channel_.far.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void expect_rest() {
    carrier_.run();
    EXPECT_EQ(owner_.ticks, kTicks);
    EXPECT_LT(owner_.turns, 10 * kTicks);
  }

  Counter owner_;
  Pair channel_;
  Pair client_;
  Carrier carrier_;
};

TEST_F(MuxRest, OfAnOpenStream) {
  peer_says(frame(FrameType::kOpened, 1, ""));
  expect_rest();
}

TEST_F(MuxRest, OfAStreamWhoseClientHasEnded) {
  peer_says(frame(FrameType::kOpened, 1, ""));
  shutdown(client_.near.get(), SHUT_WR);
  expect_rest();
}

TEST_F(MuxRest, OfAStreamWhoseServerHasEnded) {
  peer_says(frame(FrameType::kOpened, 1, "") + frame(FrameType::kFinish, 1, std::string(8, '\0')));
  expect_rest();
}

TEST_F(MuxRest, OfAStreamWhoseReaderIsStuck) {
  peer_says(frame(FrameType::kOpened, 1, ""));
  const std::string piece(kMostPayload, 'x');
  const int small = 4096;
  setsockopt(client_.near.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  peer_says(frame(FrameType::kData, 1, piece));
  peer_says(frame(FrameType::kData, 1, piece));
  expect_rest();
}

}  // namespace
}  // namespace fairlead::target::mux
