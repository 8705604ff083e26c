// The data plane's loop: tasks, timers, turns, and the lifetime of handlers.
#include "relay/event_loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <functional>
#include <thread>

#include "base/net.h"
#include "relay/data_plane.h"
#include "tests/support/processes.h"

namespace fairlead::relay {
namespace {

using base::UniqueFd;
using std::chrono::milliseconds;

// Says what happens to it.
class Recorder : public EventHandler {
 public:
  std::function<void(std::uint32_t)> on_event = [](std::uint32_t) {};
  std::function<void()> on_its_turn = [] {};
  std::function<void()> on_destruction = [] {};
  ~Recorder() override { on_destruction(); }

 private:
  void on_events(std::uint32_t epoll_events) override { on_event(epoll_events); }
  void on_turn() override { on_its_turn(); }
};

class EventLoopTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loop = EventLoop::create();
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
  }
  std::unique_ptr<EventLoop> loop_;
};

TEST_F(EventLoopTest, RunsPostedTasksInTheirOrder) {
  std::string order;
  for (const char c : {'a', 'b', 'c'}) {
    loop_->post([&order, c] { order += c; });
  }
  loop_->post([&] {
    loop_->post([&] {
      order += 'e';
      loop_->stop();
    });
    order += 'd';
  });
  loop_->run();
  EXPECT_EQ(order, "abcde");
}

TEST_F(EventLoopTest, RunsWhatOtherThreadsPost) {
  int seen = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        loop_->post([&] {
          if (++seen == 4000) loop_->stop();
        });
      }
    });
  }
  loop_->run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen, 4000);
}

TEST_F(EventLoopTest, RunsTimersInTheOrderOfTheirTimes) {
  std::string order;
  const auto begin = base::steady_now();
  loop_->call_after(milliseconds(30), [&] {
    order += 'c';
    loop_->stop();
  });
  loop_->call_after(milliseconds(0), [&] { order += 'a'; });
  loop_->call_after(milliseconds(10), [&] { order += 'b'; });
  loop_->run();
  EXPECT_EQ(order, "abc");
  EXPECT_GE(base::steady_now() - begin, milliseconds(30));
}

TEST_F(EventLoopTest, ATimerMaySetAnother) {
  int left = 5;
  std::function<void()> again = [&] {
    if (--left == 0) return loop_->stop();
    loop_->call_after(milliseconds(0), again);
  };
  loop_->call_after(milliseconds(0), again);
  loop_->run();
  EXPECT_EQ(left, 0);
}

TEST_F(EventLoopTest, TellsAHandlerWhatHappensToItsDescriptor) {
  auto pipe = base::make_pipe();
  ASSERT_TRUE(pipe);
  Recorder handler;
  std::uint32_t told = 0;
  handler.on_event = [&](std::uint32_t events) {
    told = events;
    loop_->stop();
  };
  ASSERT_TRUE(loop_->add(pipe->first.get(), EPOLLIN | EPOLLET, &handler));
  ASSERT_EQ(write(pipe->second.get(), "x", 1), 1);
  loop_->run();
  EXPECT_EQ(told, static_cast<std::uint32_t>(EPOLLIN));
}

TEST_F(EventLoopTest, SaysThatADescriptorCannotBeWatched) {
  Recorder handler;
  EXPECT_FALSE(loop_->add(-1, EPOLLIN, &handler));
}

TEST_F(EventLoopTest, GivesADeferredHandlerOneTurnPerRequest) {
  Recorder handler;
  int turns = 0;
  handler.on_its_turn = [&] {
    if (++turns < 3) return loop_->defer(&handler);
    loop_->stop();
  };
  loop_->post([&] { loop_->defer(&handler); });
  loop_->run();
  EXPECT_EQ(turns, 3);
}

TEST_F(EventLoopTest, KeepsARetiredHandlerUntilTheBatchIsDone) {
  auto handler = std::make_unique<Recorder>();
  Recorder* raw = handler.get();
  std::string order;
  raw->on_its_turn = [&] { order += "turn "; };
  raw->on_destruction = [&] { order += "gone "; };
  loop_->post([&, owned = std::make_shared<std::unique_ptr<Recorder>>(std::move(handler))] {
    loop_->defer(raw);
    loop_->retire(std::move(*owned));
    order += "retired ";
    loop_->stop();
  });
  loop_->run();
  EXPECT_EQ(order, "retired gone ") << "a turn it had asked for is forgotten";
}

// A connection with much to do defers itself again and again; the drain's timer then ends it.
TEST_F(EventLoopTest, DoesNotCallAHandlerThatATimerHasRetired) {
  auto handler = std::make_unique<Recorder>();
  Recorder* raw = handler.get();
  bool gone = false;
  int turns_after_end = 0;
  raw->on_its_turn = [&, raw] {
    if (gone) ++turns_after_end;
    loop_->defer(raw);
  };
  raw->on_destruction = [&] { gone = true; };
  loop_->post([&, raw] { loop_->defer(raw); });
  loop_->call_after(milliseconds(5), [&] {
    loop_->retire(std::move(handler));
    loop_->call_after(milliseconds(5), [&] { loop_->stop(); });
  });
  loop_->run();
  EXPECT_TRUE(gone);
  EXPECT_EQ(turns_after_end, 0);
}

TEST_F(EventLoopTest, HasOneDescriptorInReserve) {
  const std::size_t before = testing::open_descriptors();
  loop_->close_reserve();
  EXPECT_EQ(testing::open_descriptors(), before - 1);
  EXPECT_TRUE(loop_->open_reserve());
  EXPECT_TRUE(loop_->open_reserve());
  EXPECT_EQ(testing::open_descriptors(), before);
}

TEST_F(EventLoopTest, SaysWhenTheReserveCannotBeHadAgain) {
  EXPECT_EQ(testing::in_child([&] {
              loop_->close_reserve();
              const UniqueFd next_free(dup(0));
              const rlimit none{static_cast<rlim_t>(next_free.get()), 4096};
              if (setrlimit(RLIMIT_NOFILE, &none) != 0) return 2;
              return loop_->open_reserve() ? 1 : 0;
            }),
            0);
}

TEST(DataPlane, RunsItsLoopOnAThreadOfItsOwnWithoutSignals) {
  auto plane = DataPlane::start();
  ASSERT_TRUE(plane);
  std::thread::id id;
  bool blocked = false;
  (*plane)->loops()[0]->post([&] {
    id = std::this_thread::get_id();
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGINT) == 1;
  });
  plane->reset();  // what was posted has been done
  EXPECT_NE(id, std::thread::id());
  EXPECT_NE(id, std::this_thread::get_id());
  EXPECT_TRUE(blocked);
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0);
}

TEST(DataPlane, LeavesNothingOpen) {
  const std::size_t before = testing::open_descriptors();
  for (int i = 0; i < 20; ++i) {
    const auto plane = DataPlane::start();
    ASSERT_TRUE(plane);
  }
  EXPECT_EQ(testing::open_descriptors(), before);
}

}  // namespace
}  // namespace fairlead::relay
