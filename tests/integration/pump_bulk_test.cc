// The bulk path of a pump: over real TCP connections, with pipes and without.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

#include "base/net.h"
#include "relay/pump.h"

namespace fairlead::relay {
namespace {

using base::UniqueFd;

constexpr std::size_t kBulkBufferSize = 256U << 10;

std::string pattern(std::size_t size) {
  std::string data(size, '\0');
  std::uint32_t state = 12345;
  for (char& byte : data) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return data;
}

class PumpBulkTest : public ::testing::Test {
 protected:
  PumpBulkTest() {
    connect_pair(writer_, source_);
    connect_pair(sink_, reader_);
  }
  static void connect_pair(UniqueFd& one, UniqueFd& other) {
    auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 1);
    ASSERT_TRUE(listener);
    const auto address = base::to_socket_address(*base::local_endpoint(*listener));
    one.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(connect(one.get(), address.get(), address.length), 0);
    other.reset(accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(other);
    for (const UniqueFd* fd : {&one, &other}) fcntl(fd->get(), F_SETFL, O_NONBLOCK);
  }

  PumpState run() {
    return pump_.run(source_.get(), sink_.get(), {buffer_.data(), buffer_.size(), pipes_}, false);
  }
  // As much as the source's peer takes now.
  void put_some(const std::string& data) {
    while (sent_ < data.size()) {
      const ssize_t count =
          send(writer_.get(), data.data() + sent_, data.size() - sent_, MSG_NOSIGNAL);
      if (count <= 0) break;
      sent_ += static_cast<std::size_t>(count);
    }
    pump_.source_ready(Pump::Edge::kData);
  }
  void take_some() {
    std::string chunk(1U << 20, '\0');
    ssize_t count = 0;
    while ((count = recv(reader_.get(), chunk.data(), chunk.size(), 0)) > 0) {
      got_.append(chunk, 0, static_cast<std::size_t>(count));
    }
    ended_ = count == 0;
  }
  // Until all of it has come through. True if the pump was in bulk at some point.
  bool transfer(const std::string& data) {
    bool bulk = false;
    for (int i = 0; i < 100'000 && got_.size() < data.size(); ++i) {
      put_some(data);
      const PumpState state = run();
      EXPECT_NE(state, PumpState::kBroken);
      if (state == PumpState::kBroken) break;
      bulk |= pump_.bulk();
      take_some();
    }
    return bulk;
  }

  UniqueFd writer_, source_, sink_, reader_;
  std::vector<char> buffer_ = std::vector<char>(kBulkBufferSize);
  PipePool pipes_;
  Pump pump_;
  std::size_t sent_ = 0;
  std::string got_;
  bool ended_ = false;
};

TEST_F(PumpBulkTest, SplicesLargeFlowsByteForByteAndPassesTheEndOn) {
  const std::string data = pattern(48U << 20);
  EXPECT_TRUE(transfer(data));
  EXPECT_TRUE(got_ == data);
  EXPECT_EQ(pump_.bytes(), data.size());
  EXPECT_EQ(pipes_.idle(), 1U) << "the pipe has not come back";
  shutdown(writer_.get(), SHUT_WR);
  pump_.source_ready(Pump::Edge::kEnd);
  EXPECT_EQ(run(), PumpState::kFinished);
  take_some();
  EXPECT_TRUE(ended_);
  EXPECT_TRUE(got_ == data);
}

TEST_F(PumpBulkTest, SmallMessagesNeverTakeAPipe) {
  for (int i = 0; i < 100; ++i) {
    send(writer_.get(), "ping", 4, MSG_NOSIGNAL);
    pump_.source_ready(Pump::Edge::kData);
    EXPECT_EQ(run(), PumpState::kWaiting);
    EXPECT_FALSE(pump_.bulk());
  }
  EXPECT_EQ(pipes_.idle(), 0U);
}

TEST_F(PumpBulkTest, KeepsItsPipeOnlyWhileTheSinkTakesNothing) {
  const std::string data = pattern(64U << 20);
  // Nobody reads: bytes pile up to the pipe, and no further.
  bool held = false;
  for (int i = 0; i < 1000 && !held; ++i) {
    put_some(data);
    run();
    held = pump_.bulk() && pump_.holds_pipe();
    if (!pump_.bulk()) take_some();
  }
  ASSERT_TRUE(held);
  const std::size_t before = pump_.bytes();
  EXPECT_EQ(run(), PumpState::kWaiting);
  EXPECT_EQ(pump_.bytes(), before);
  transfer(data);
  EXPECT_TRUE(got_ == data);
  run();
  EXPECT_FALSE(pump_.holds_pipe());
}

TEST_F(PumpBulkTest, GoesBackToCopyingWhenOnlyLittleComes) {
  const std::string data = pattern(8U << 20);
  ASSERT_TRUE(transfer(data));
  std::string tail;
  for (int i = 0; i < 8; ++i) {
    ASSERT_EQ(send(writer_.get(), "tail", 4, MSG_NOSIGNAL), 4);
    tail += "tail";
    pump_.source_ready(Pump::Edge::kData);
    run();
  }
  EXPECT_FALSE(pump_.bulk());
  take_some();
  EXPECT_TRUE(got_ == data + tail);
}

TEST_F(PumpBulkTest, SaysSoWhenTheSinkResetsWithBytesInThePipe) {
  const std::string data = pattern(64U << 20);
  for (int i = 0; i < 1000 && !pump_.holds_pipe(); ++i) {
    put_some(data);
    run();
    if (!pump_.bulk()) take_some();
  }
  ASSERT_TRUE(pump_.holds_pipe());
  base::reset_on_close(reader_.get());
  reader_.reset();
  PumpState state = PumpState::kWaiting;
  for (int i = 0; i < 100 && state == PumpState::kWaiting; ++i) state = run();
  EXPECT_EQ(state, PumpState::kBroken);
}

TEST(PipePoolTest, HandsOutLargePipesAndClosesTheIdleOnesWhenNobodyWantsAny) {
  PipePool pool;
  Pipe pipe = pool.take();
  ASSERT_TRUE(pipe);
  EXPECT_GE(pipe.capacity_bytes, PipePool::kLeastBytes);
  EXPECT_EQ(static_cast<std::size_t>(fcntl(pipe.in.get(), F_GETPIPE_SZ)), pipe.capacity_bytes);
  EXPECT_NE(fcntl(pipe.in.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(fcntl(pipe.out.get(), F_GETFD) & FD_CLOEXEC, 0);
  const int in = pipe.in.get();
  pool.give_back(std::move(pipe));
  EXPECT_TRUE(pool.sweep()) << "one was wanted since";
  EXPECT_EQ(pool.take().in.get(), in) << "the same again";
  pool.sweep();
  pool.give_back(pool.take());
  pool.sweep();
  EXPECT_FALSE(pool.sweep());
  EXPECT_EQ(pool.idle(), 0U);
}

// Runs in a child that is an ordinary user whose pipe quota is used up, as another program of the
// same user would do it.
int without_quota(const std::function<int()>& check) {
  const pid_t child = fork();
  if (child == 0) {
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(100);
    std::vector<UniqueFd> hogs;
    for (;;) {
      int ends[2];
      if (pipe2(ends, O_CLOEXEC) != 0) break;
      hogs.emplace_back(ends[0]);
      hogs.emplace_back(ends[1]);
      if (fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) < 0) {
        // The rest of the quota by smaller ones.
        int size = 1 << 19;
        while (size >= 8192 && fcntl(ends[1], F_SETPIPE_SZ, size) < 0) size /= 2;
        if (size < 16384) break;
      }
    }
    _exit(check());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(PipePoolTest, HasNoPipeWhenTheUsersQuotaIsUsedUp) {
  EXPECT_EQ(without_quota([] {
              PipePool pool;
              if (pool.take()) return 1;
              return pool.take() ? 2 : 0;
            }),
            0);
}

TEST_F(PumpBulkTest, CarriesEverythingByCopyingWhenThereIsNoPipe) {
  EXPECT_EQ(without_quota([this] {
              const std::string data = pattern(32U << 20);
              if (!transfer(data)) return 1;
              if (got_ != data) return 2;
              return pipes_.idle() == 0 ? 0 : 3;
            }),
            0);
}

}  // namespace
}  // namespace fairlead::relay
