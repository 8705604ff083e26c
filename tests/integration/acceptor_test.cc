// Accepting clients for a taker that the test plays.
#include "relay/acceptor.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <vector>

#include "base/net.h"
#include "tests/support/processes.h"

namespace fairlead::relay {
namespace {

using base::UniqueFd;
using std::chrono::milliseconds;

class Taker : public ConnectionTaker {
 public:
  bool ready = true;
  int asked = 0;
  int none = 0;
  int turned = 0;
  int shortages = 0;
  std::vector<UniqueFd> taken;

  bool ready_to_take() override {
    ++asked;
    return ready;
  }
  void take(UniqueFd client) override { taken.push_back(std::move(client)); }
  void none_waiting() override { ++none; }
  void turned_away(const base::Error&) override { ++turned; }
  void descriptors_short() override { ++shortages; }
};

class AcceptorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loop = EventLoop::create();
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
    auto listener =
        base::listen_tcp({base::IpAddress::loopback4(), 0}, 256, base::AcceptedClose::kResets);
    ASSERT_TRUE(listener);
    endpoint_ = *base::local_endpoint(*listener);
    listener_fd_ = listener->get();
    auto acceptor =
        Acceptor::start(*loop_, std::make_shared<const UniqueFd>(std::move(*listener)), taker_);
    ASSERT_TRUE(acceptor);
    acceptor_ = std::move(*acceptor);
  }

  UniqueFd dial() {
    const base::SocketAddress address = base::to_socket_address(endpoint_);
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd && connect(fd.get(), address.get(), address.length) != 0) fd.reset();
    return fd;
  }
  // Runs the loop for `turns` rounds of whatever is ready.
  void turn(int turns = 1) {
    int left = turns;
    std::function<void()> next = [&] {
      if (left-- == 0) return loop_->stop();
      loop_->post(next);  // drained once a round
    };
    loop_->post(next);
    loop_->run();
  }

  std::unique_ptr<EventLoop> loop_;
  Taker taker_;
  base::Endpoint endpoint_;
  int listener_fd_ = -1;  // the acceptor's
  std::unique_ptr<Acceptor> acceptor_;
};

// EventLoop::run() ends for good: one run per test.

TEST_F(AcceptorTest, HandsOverEveryClient) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 10; ++i) clients.push_back(dial());
  turn(20);
  EXPECT_EQ(taker_.taken.size(), 10U);
  EXPECT_GE(taker_.none, 1);
}

// One client costs one call; many make it expect many, up to a bound.
TEST_F(AcceptorTest, TakesMoreAtATimeTheMoreAreWaitingAndAtMostSixtyFour) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 250; ++i) clients.push_back(dial());
  acceptor_->on_events(0);
  EXPECT_EQ(taker_.taken.size(), 1U);
  EXPECT_EQ(taker_.none, 0);
  std::size_t most = 0;
  for (int turn = 0; turn < 20 && taker_.none == 0; ++turn) {
    const std::size_t before = taker_.taken.size();
    acceptor_->on_events(0);
    most = std::max(most, taker_.taken.size() - before);
  }
  EXPECT_EQ(taker_.taken.size(), 250U);
  EXPECT_EQ(most, 64U);
}

TEST_F(AcceptorTest, LeavesClientsInTheBacklogUntilItsTakerIsReady) {
  taker_.ready = false;
  const UniqueFd client = dial();
  ASSERT_TRUE(client);
  turn(20);
  EXPECT_TRUE(taker_.taken.empty());
  EXPECT_EQ(taker_.asked, 1) << "asks again without having been resumed";
}

TEST_F(AcceptorTest, GoesOnWhenResumed) {
  taker_.ready = false;
  const UniqueFd client = dial();
  acceptor_->on_events(0);
  EXPECT_TRUE(taker_.taken.empty());
  taker_.ready = true;
  acceptor_->resume();
  turn(2);
  EXPECT_EQ(taker_.taken.size(), 1U);
}

// With several loops at one listener, who has been resumed may see no client for long: the others
// take them.
TEST_F(AcceptorTest, TurnsNobodyAwayForAShortageThatHasPassed) {
  taker_.ready = false;
  const UniqueFd client = dial();
  acceptor_->on_events(0);
  taker_.ready = true;
  loop_->call_after(milliseconds(1'700), [this] { loop_->stop(); });
  loop_->run();
  EXPECT_EQ(taker_.turned, 0);
  EXPECT_EQ(taker_.taken.size(), 1U);
}

TEST_F(AcceptorTest, HasPatienceAnewAfterAShortageThatHasPassed) {
  taker_.ready = false;
  UniqueFd client = dial();
  acceptor_->on_events(0);
  taker_.ready = true;
  acceptor_->resume();
  // Another loop takes the client; then there is a moment's shortage again.
  ASSERT_TRUE(base::accept_connection(listener_fd_));
  loop_->call_after(milliseconds(1'400), [&] {
    taker_.ready = false;
    client = dial();
  });
  loop_->call_after(milliseconds(1'700), [this] {
    EXPECT_EQ(taker_.turned, 0);
    taker_.ready = true;
    acceptor_->resume();
  });
  loop_->call_after(milliseconds(1'800), [this] { loop_->stop(); });
  loop_->run();
  EXPECT_EQ(taker_.turned, 0);
  EXPECT_EQ(taker_.taken.size(), 1U);
}

TEST_F(AcceptorTest, RefusesClientsOnceClosed) {
  acceptor_->close();
  EXPECT_FALSE(dial());
  EXPECT_EQ(errno, ECONNREFUSED);
  acceptor_->resume();
  acceptor_->on_events(0);
  EXPECT_EQ(taker_.asked, 0);
}

TEST_F(AcceptorTest, PausesWithoutDescriptorsThenResetsWhoWaits) {
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(dial());
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  {
    const UniqueFd next_free(dup(0));
    none.rlim_cur = static_cast<rlim_t>(next_free.get());
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  // Pauses of 25, 50, … 400 ms, and the sixth failure in a row.
  std::function<void()> look = [&] {
    if (taker_.turned == 5) return loop_->stop();
    loop_->call_after(milliseconds(5), look);
  };
  loop_->call_after(milliseconds(5), look);
  loop_->run();
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(taker_.taken.empty());
  EXPECT_EQ(taker_.asked, 6) << "spins, or gives up early";
  EXPECT_EQ(taker_.none, 6);
  for (const UniqueFd& client : clients) {
    char byte = 0;
    EXPECT_EQ(recv(client.get(), &byte, 1, MSG_DONTWAIT), -1);
    EXPECT_EQ(errno, ECONNRESET);
  }
}

TEST_F(AcceptorTest, AcceptsAgainWhenDescriptorsAreBack) {
  const UniqueFd client = dial();
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  {
    const UniqueFd next_free(dup(0));
    none.rlim_cur = static_cast<rlim_t>(next_free.get());
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  std::function<void()> look = [&] {
    if (taker_.none == 2) setrlimit(RLIMIT_NOFILE, &before);
    if (!taker_.taken.empty()) return loop_->stop();
    loop_->call_after(milliseconds(5), look);
  };
  loop_->call_after(milliseconds(5), look);
  loop_->run();
  EXPECT_EQ(taker_.taken.size(), 1U);
  EXPECT_EQ(taker_.turned, 0);
}

// Its patience with a taker that is not ready is a second and a half.
TEST_F(AcceptorTest, ResetsWhoeverWaitsTooLongForTheTaker) {
  taker_.ready = false;
  const UniqueFd client = dial();
  std::function<void()> look = [&] {
    if (taker_.turned == 1) return loop_->stop();
    loop_->call_after(milliseconds(5), look);
  };
  loop_->post(look);
  const auto begin = std::chrono::steady_clock::now();
  loop_->run();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(1400));
  char byte = 0;
  EXPECT_EQ(recv(client.get(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(AcceptorTest, DoesNotHoldAnEarlierWaitAgainstALaterClient) {
  taker_.ready = false;
  const UniqueFd first = dial();
  UniqueFd second;
  loop_->call_after(milliseconds(50), [&] {  // the first wait is over, and was short
    taker_.ready = true;
    acceptor_->resume();
  });
  loop_->call_after(milliseconds(1300), [&] {  // the second begins
    taker_.ready = false;
    second = dial();
  });
  loop_->call_after(milliseconds(1800), [&] { loop_->stop(); });
  loop_->run();
  EXPECT_EQ(taker_.taken.size(), 1U);
  EXPECT_EQ(taker_.turned, 0) << "turned away after half a second";
}

TEST_F(AcceptorTest, MayGoWhileItPauses) {
  const UniqueFd client = dial();
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  {
    const UniqueFd next_free(dup(0));
    none.rlim_cur = static_cast<rlim_t>(next_free.get());
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  acceptor_->on_events(0);
  setrlimit(RLIMIT_NOFILE, &before);
  acceptor_->close();
  acceptor_.reset();
  bool done = false;
  loop_->call_after(milliseconds(60), [&] {
    done = true;
    loop_->stop();
  });
  loop_->run();
  EXPECT_TRUE(done);
  EXPECT_EQ(taker_.asked, 1);
}

}  // namespace
}  // namespace fairlead::relay
