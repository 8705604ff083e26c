// One direction of a connection, between two pairs of sockets that the test holds.
#include "relay/pump.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace fairlead::relay {
namespace {

using base::UniqueFd;

constexpr std::size_t kBufferSize = 4096;

class PumpTest : public ::testing::Test {
 protected:
  PumpTest() {
    make_pair(writer_, source_);
    make_pair(sink_, reader_);
  }
  static void make_pair(UniqueFd& one, UniqueFd& other) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    one.reset(ends[0]);
    other.reset(ends[1]);
  }

  PumpState run(bool last_direction = false) {
    return pump_.run(source_.get(), sink_.get(), {buffer_.data(), buffer_.size(), pipes_},
                     last_direction);
  }
  void put(const std::string& data) {
    ASSERT_EQ(send(writer_.get(), data.data(), data.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(data.size()));
  }
  // What has arrived; "<end>" behind it if the stream has ended.
  std::string arrived() {
    std::string data;
    char chunk[8192];
    ssize_t count = 0;
    while ((count = recv(reader_.get(), chunk, sizeof chunk, 0)) > 0) {
      data.append(chunk, static_cast<std::size_t>(count));
    }
    return count == 0 ? data + "<end>" : data;
  }
  // Fills the sink until it takes no more. How much it took.
  std::size_t fill_sink() {
    std::size_t total = 0;
    const std::string chunk(1024, 'f');
    ssize_t count = 0;
    while ((count = send(sink_.get(), chunk.data(), chunk.size(), MSG_NOSIGNAL)) > 0) {
      total += static_cast<std::size_t>(count);
    }
    return total;
  }

  UniqueFd writer_, source_, sink_, reader_;
  std::vector<char> buffer_ = std::vector<char>(kBufferSize);
  PipePool pipes_;
  Pump pump_;
};

TEST_F(PumpTest, ForwardsWhatIsThereAndCountsIt) {
  put("hello");
  pump_.source_ready(Pump::Edge::kData);
  EXPECT_EQ(run(), PumpState::kWaiting);
  EXPECT_EQ(arrived(), "hello");
  EXPECT_EQ(pump_.bytes(), 5U);
  EXPECT_FALSE(pump_.finished());
}

TEST_F(PumpTest, DoesNotReadBeforeItWasTold) {
  put("hello");
  EXPECT_EQ(run(), PumpState::kWaiting);
  EXPECT_EQ(arrived(), "");
  pump_.source_ready(Pump::Edge::kData);
  run();
  EXPECT_EQ(arrived(), "hello");
}

TEST_F(PumpTest, WaitsWhenToldWithoutReason) {
  pump_.source_ready(Pump::Edge::kData);
  EXPECT_EQ(run(), PumpState::kWaiting);
  EXPECT_EQ(pump_.bytes(), 0U);
  put("late");
  pump_.source_ready(Pump::Edge::kData);
  run();
  EXPECT_EQ(arrived(), "late");
}

TEST_F(PumpTest, PassesTheEndOnBehindTheData) {
  put("last words");
  shutdown(writer_.get(), SHUT_WR);
  pump_.source_ready(Pump::Edge::kEnd);
  EXPECT_EQ(run(), PumpState::kFinished);
  EXPECT_EQ(arrived(), "last words<end>");
  EXPECT_TRUE(pump_.finished());
  EXPECT_EQ(run(), PumpState::kFinished);
}

TEST_F(PumpTest, FindsAnEndThatItWasNotToldOf) {
  shutdown(writer_.get(), SHUT_WR);
  pump_.source_ready(Pump::Edge::kData);
  EXPECT_EQ(run(), PumpState::kFinished);
  EXPECT_EQ(arrived(), "<end>");
}

TEST_F(PumpTest, LeavesTheSinkAloneWhenItIsTheLastDirection) {
  put("x");
  shutdown(writer_.get(), SHUT_WR);
  pump_.source_ready(Pump::Edge::kEnd);
  EXPECT_EQ(run(true), PumpState::kFinished);
  EXPECT_EQ(arrived(), "x");
  EXPECT_TRUE(pump_.finished());
}

TEST_F(PumpTest, GivesTheOthersATurnAfterEightFullReads) {
  buffer_.resize(16);
  const std::string data(16 * 20, 'd');
  put(data);
  pump_.source_ready(Pump::Edge::kData);
  EXPECT_EQ(run(), PumpState::kMore);
  EXPECT_EQ(pump_.bytes(), 8U * 16);
  EXPECT_EQ(run(), PumpState::kMore);
  EXPECT_EQ(run(), PumpState::kWaiting);
  EXPECT_EQ(arrived(), data);
}

TEST_F(PumpTest, KeepsWhatTheSinkDoesNotTakeAndReadsNothingMoreMeanwhile) {
  const std::string filler(fill_sink(), 'f');
  put("kept");
  pump_.source_ready(Pump::Edge::kData);
  EXPECT_EQ(run(), PumpState::kWaiting);
  EXPECT_EQ(pump_.bytes(), 0U);
  put("unread");
  pump_.source_ready(Pump::Edge::kData);
  EXPECT_EQ(run(), PumpState::kWaiting);
  char peeked[16];
  EXPECT_EQ(recv(source_.get(), peeked, sizeof peeked, MSG_PEEK), 6);
  EXPECT_EQ(arrived(), filler);
  EXPECT_EQ(run(), PumpState::kWaiting);
  EXPECT_EQ(arrived(), "keptunread");
  EXPECT_EQ(pump_.bytes(), 10U);
}

TEST_F(PumpTest, PassesTheEndOnOnlyWhenNothingIsLeftToWrite) {
  const std::string filler(fill_sink(), 'f');
  put("kept");
  shutdown(writer_.get(), SHUT_WR);
  pump_.source_ready(Pump::Edge::kEnd);
  EXPECT_EQ(run(), PumpState::kWaiting);
  EXPECT_FALSE(pump_.finished());
  EXPECT_EQ(arrived(), filler);
  EXPECT_EQ(run(), PumpState::kFinished);
  EXPECT_EQ(arrived(), "kept<end>");
}

TEST_F(PumpTest, ASinkThatTakesAFewBytesAtATimeLosesNone) {
  const int small = 1;  // the kernel makes it its own smallest size
  setsockopt(sink_.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  buffer_.resize(64U << 10);
  std::string sent;
  std::string got;
  for (int i = 0; i < 200; ++i) {
    std::string part(1000, static_cast<char>('a' + i % 26));
    part[0] = static_cast<char>('A' + i % 26);
    if (send(writer_.get(), part.data(), part.size(), MSG_NOSIGNAL) > 0) sent += part;
    pump_.source_ready(Pump::Edge::kData);
    ASSERT_NE(run(), PumpState::kBroken);
    if (i % 7 == 0) got += arrived();
  }
  for (int i = 0; i < 1000 && got.size() < sent.size(); ++i) {
    pump_.source_ready(Pump::Edge::kData);
    run();
    got += arrived();
  }
  EXPECT_EQ(got, sent);
  EXPECT_EQ(pump_.bytes(), sent.size());
}

TEST_F(PumpTest, SaysSoWhenTheSinkIsGone) {
  put("x");
  reader_.reset();
  pump_.source_ready(Pump::Edge::kData);
  EXPECT_EQ(run(), PumpState::kBroken);
}

TEST_F(PumpTest, SaysSoWhenTheSinkGoesWithBytesLeftToWrite) {
  fill_sink();
  put("x");
  pump_.source_ready(Pump::Edge::kData);
  EXPECT_EQ(run(), PumpState::kWaiting);
  reader_.reset();
  EXPECT_EQ(run(), PumpState::kBroken);
}

TEST_F(PumpTest, SaysSoWhenTheSourceBreaks) {
  // A Unix socket with unread data resets its peer when it is closed.
  ASSERT_EQ(send(source_.get(), "unread", 6, MSG_NOSIGNAL), 6);
  writer_.reset();
  pump_.source_ready(Pump::Edge::kEnd);
  EXPECT_EQ(run(), PumpState::kBroken);
}

}  // namespace
}  // namespace fairlead::relay
