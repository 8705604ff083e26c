// Destroyed sockets: a listener's end is heard of at once, a connection's never.
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstring>

#include "detect/diag_source.h"
#include "tests/netns/fixture.h"

namespace fairlead::detect {
namespace {

class SocketEvents : public testing::NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    sockets_ = make_sockets();
    ASSERT_TRUE(start(*sockets_));
    auto queries = open_diag(*sockets_);
    auto events = open_diag(*sockets_);
    ASSERT_TRUE(queries && events);
    auto source = DiagSource::create(*init_, std::move(*queries), std::move(*events));
    ASSERT_TRUE(source) << source.error().message();
    source_ = std::move(*source);
  }
  testing::RemoteListener listen(const std::string& address, std::uint16_t port) {
    auto listener = space_->listen(on(address, port));
    EXPECT_TRUE(listener);
    return std::move(*listener);
  }
  bool heard(int patience_ms = testing::kPatienceMs) const {
    return testing::readable(source_->event_fd(), patience_ms);
  }
  // Local ports of the messages that have come so far.
  std::vector<std::uint16_t> ports() const {
    std::vector<std::uint16_t> result;
    char buffer[8192];
    for (;;) {
      const ssize_t count = recv(source_->event_fd(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (count <= 0) return result;
      inet_diag_msg message{};
      std::memcpy(&message, buffer + NLMSG_HDRLEN, sizeof message);
      result.push_back(ntohs(message.id.idiag_sport));
    }
  }

  std::unique_ptr<target::SetnsSockets> sockets_;
  std::unique_ptr<DiagSource> source_;
};

TEST_F(SocketEvents, TellOfAListenerThatHasClosed) {
  for (const char* address : {"127.0.0.1", "0.0.0.0", "::1", "::"}) {
    const auto listener = listen(address, 3000);
    EXPECT_FALSE(heard(0)) << address;
    ASSERT_TRUE(space_->close_listener(listener.id));
    EXPECT_TRUE(heard()) << address;
    source_->drain_events();
    EXPECT_FALSE(heard(0)) << address;
    EXPECT_TRUE(source_->scan()->listeners.empty());
  }
}

class ConnectionEvents : public SocketEvents, public ::testing::WithParamInterface<bool> {};

TEST_P(ConnectionEvents, AreNotHeard) {
  const auto busy = listen("127.0.0.1", 3000);
  const auto busy6 = listen("::1", 3001);
  const auto marker = listen("127.0.0.1", 4000);
  ASSERT_TRUE(space_->churn(busy.id, 200, GetParam()));
  ASSERT_TRUE(space_->churn(busy6.id, 200, GetParam()));
  // Events come in order: when the marker's is here, those of the connections would be, too.
  ASSERT_TRUE(space_->close_listener(marker.id));
  ASSERT_TRUE(heard());
  EXPECT_EQ(ports(), std::vector<std::uint16_t>{4000});
}

INSTANTIATE_TEST_SUITE_P(ClosedByFin, ConnectionEvents, ::testing::Values(false));
// Those closed by a reset have lost their remote port and pass the filter: ContainerSession paces
// itself.

TEST_F(SocketEvents, TellOfAListenerWhateverElseCloses) {
  const auto busy = listen("127.0.0.1", 3000);
  const auto closing = listen("127.0.0.1", 4000);
  ASSERT_TRUE(space_->churn(busy.id, 500, true));
  ASSERT_TRUE(space_->close_listener(closing.id));
  ASSERT_TRUE(space_->churn(busy.id, 500, true));
  EXPECT_TRUE(heard());
}

TEST_F(SocketEvents, AreNotHeardOfAnotherNamespace) {
  auto other = testing::Namespace::create();
  ASSERT_TRUE(other);
  const auto theirs = other->listen(on("127.0.0.1", 3000));
  const auto ours = listen("127.0.0.1", 4000);
  ASSERT_TRUE(other->close_listener(theirs->id));
  ASSERT_TRUE(space_->close_listener(ours.id));
  ASSERT_TRUE(heard());
  EXPECT_EQ(ports(), std::vector<std::uint16_t>{4000});
}

TEST_F(SocketEvents, ThatWereLostLeaveTheSourceInOrder) {
  // More than the queue takes: the kernel drops some and says ENOBUFS once.
  const int small = 1;
  ASSERT_EQ(setsockopt(source_->event_fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
  for (int i = 0; i < 200; ++i) {
    const auto listener = listen("127.0.0.1", 3000);
    ASSERT_TRUE(space_->close_listener(listener.id));
  }
  ASSERT_TRUE(heard());
  source_->drain_events();
  const auto listener = listen("127.0.0.1", 3000);
  ASSERT_TRUE(testing::eventually([&] {
    source_->drain_events();
    return !heard(0);
  }));
  ASSERT_TRUE(space_->close_listener(listener.id));
  EXPECT_TRUE(heard());
}

TEST_F(SocketEvents, AreNotToBeHadOfASourceWithoutThem) {
  auto queries = open_diag(*sockets_);
  ASSERT_TRUE(queries);
  const auto source = DiagSource::create(*init_, std::move(*queries), {});
  ASSERT_TRUE(source);
  EXPECT_EQ((*source)->event_fd(), -1);
  (*source)->drain_events();
  EXPECT_TRUE((*source)->scan());
}

}  // namespace
}  // namespace fairlead::detect
