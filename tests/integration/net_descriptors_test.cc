// Descriptors that travel: bounds, truncation, full queues.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/net.h"
#include "tests/support/processes.h"

namespace fairlead::base {
namespace {

using testing::in_child;
using testing::open_descriptors;

class PacketPair : public ::testing::Test {
 protected:
  Result<void> send(std::size_t count, std::string_view data = "x") const {
    const std::vector<int> numbers(count, pipe_->first.get());
    return send_descriptors(pair_->first.get(), data.data(), data.size(), numbers.data(), count);
  }
  Result<ReceivedMessage> receive() const {
    char data[64];
    return receive_descriptors(pair_->second.get(), data, sizeof data);
  }

  Result<std::pair<UniqueFd, UniqueFd>> pair_ = make_packet_pair();
  Result<std::pair<UniqueFd, UniqueFd>> pipe_ = make_pipe();
};

TEST_F(PacketPair, CarriesUpToAsManyDescriptorsAsTheKernelTakes) {
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{128},
                                  kMaxDescriptorsPerMessage}) {
    ASSERT_TRUE(send(count)) << count;
    const auto message = receive();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->size, 1U);
    EXPECT_EQ(message->descriptors.size(), count);
    EXPECT_FALSE(message->truncated);
  }
}

TEST_F(PacketPair, RefusesOneMoreThanTheKernelTakes) {
  const auto sent = send(kMaxDescriptorsPerMessage + 1);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code.value(), EINVAL);
  EXPECT_EQ(receive().error().code.value(), EAGAIN);
}

TEST_F(PacketPair, RefusesManyMoreThanTheKernelTakesWithoutHarm) {
  const int status = in_child([&] {
    const auto sent = send(4 * kMaxDescriptorsPerMessage);
    return !sent && sent.error().code.value() == EINVAL ? 0 : 1;
  });
  EXPECT_EQ(status, 0) << "a status of 134 is a smashed stack";
}

TEST_F(PacketPair, HandsOverTheVeryFileCloseOnExec) {
  ASSERT_TRUE(send(1));
  const auto message = receive();
  ASSERT_EQ(message->descriptors.size(), 1U);
  const UniqueFd& received = message->descriptors[0];
  EXPECT_NE(received.get(), pipe_->first.get());
  EXPECT_NE(fcntl(received.get(), F_GETFD) & FD_CLOEXEC, 0);
  struct stat here {
  }, there{};
  ASSERT_EQ(fstat(pipe_->first.get(), &here), 0);
  ASSERT_EQ(fstat(received.get(), &there), 0);
  EXPECT_EQ(here.st_ino, there.st_ino);
}

TEST_F(PacketPair, KeepsMessagesAndTheirDescriptorsApart) {
  ASSERT_TRUE(send(1, "one"));
  ASSERT_TRUE(send(0, "two!"));
  ASSERT_TRUE(send(3, "three"));
  for (const auto& [size, count] : {std::pair(3U, 1U), {4U, 0U}, {5U, 3U}}) {
    const auto message = receive();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->size, size);
    EXPECT_EQ(message->descriptors.size(), count);
  }
}

TEST_F(PacketPair, ClosesWhatNobodyTakesOutOfAMessage) {
  const std::size_t before = open_descriptors();
  ASSERT_TRUE(send(100));
  ASSERT_TRUE(receive());
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(PacketPair, SaysEagainWhenNothingIsThere) {
  EXPECT_EQ(receive().error().code.value(), EAGAIN);
}

TEST_F(PacketPair, SaysEagainWhenTheQueueIsFullAndGoesOnWhenItIsRead) {
  std::size_t queued = 0;
  Result<void> sent;
  while (queued < 100'000 && (sent = send(1))) ++queued;
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code.value(), EAGAIN);
  ASSERT_GT(queued, 0U);
  for (std::size_t i = 0; i < queued; ++i) ASSERT_EQ(receive()->descriptors.size(), 1U);
  EXPECT_TRUE(send(1));
}

TEST_F(PacketPair, TellsThatThePeerHasClosed) {
  ASSERT_TRUE(send(1, "last"));
  pair_->first.reset();
  EXPECT_EQ(receive()->size, 4U);
  const auto message = receive();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->size, 0U);
  EXPECT_TRUE(message->descriptors.empty());
}

TEST_F(PacketPair, SendingToAClosedPeerIsAnErrorAndNoSignal) {
  pair_->second.reset();
  EXPECT_EQ(send(1).error().code.value(), EPIPE);
}

TEST_F(PacketPair, SendingWhatIsNotOpenIsAnError) {
  const int nothing = -1;
  EXPECT_EQ(send_descriptors(pair_->first.get(), "x", 1, &nothing, 1).error().code.value(), EBADF);
}

TEST_F(PacketPair, TellsThatOurTableWasTooFullAndKeepsWhatFitted) {
  const int status = in_child([&] {
    if (!send(10)) return 1;
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 256;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 2;
    std::vector<UniqueFd> fill;
    for (int fd = 0; (fd = dup(0)) >= 0;) fill.emplace_back(fd);
    fill.resize(fill.size() - 3);  // room for exactly three
    {
      const auto message = receive();
      if (!message || message->size != 1) return 3;
      if (!message->truncated) return 4;
      if (message->descriptors.size() != 3) return 5;
      for (const UniqueFd& fd : message->descriptors) {
        if (fcntl(fd.get(), F_GETFD) < 0) return 6;
      }
    }
    // What did not fit is lost, not queued; the socket goes on working.
    if (receive().error().code.value() != EAGAIN) return 7;
    if (!send(2)) return 8;
    const auto next = receive();
    return next && next->descriptors.size() == 2 && !next->truncated ? 0 : 9;
  });
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace fairlead::base
