// The two native sources look at one namespace and must see the same.
#include <sys/socket.h>

#include <thread>

#include "detect/diag_source.h"
#include "detect/procfs_source.h"
#include "tests/netns/fixture.h"

namespace fairlead::detect {
namespace {

using testing::ListenOptions;
using Lines = std::vector<std::string>;

class ListenerSources : public testing::NamespaceTest {
 protected:
  void SetUp() override {
    NamespaceTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    sockets_ = make_sockets();
    ASSERT_TRUE(start(*sockets_));
    auto queries = open_diag(*sockets_);
    ASSERT_TRUE(queries) << queries.error().message();
    auto diag = DiagSource::create(*init_, std::move(*queries), {});
    ASSERT_TRUE(diag) << diag.error().message();
    diag_ = std::move(*diag);
    auto procfs = ProcfsSource::open(*init_);
    ASSERT_TRUE(procfs) << procfs.error().message();
    procfs_ = std::move(*procfs);
  }

  // Endpoint and inode: what the two tell alike. (Whether "::" takes IPv4 is not in procfs, and
  // users are shown as their reader sees them.)
  static Lines scan(ListenerSource& source) {
    const auto snapshot = source.scan();
    if (!snapshot) return {"error: " + snapshot.error().message()};
    Lines lines;
    for (const Listener& listener : snapshot->listeners) {
      lines.push_back(listener.endpoint.to_string() + " " + std::to_string(listener.inode));
    }
    return lines;
  }
  void listen(const std::string& address, std::uint16_t port, ListenOptions listen_options = {}) {
    auto listener = space_->listen(on(address, port), listen_options);
    ASSERT_TRUE(listener) << address << " " << listener.error().message();
    listeners_.push_back(std::move(*listener));
  }
  static ListenOptions v6_only() {
    ListenOptions result;
    result.v6_only = true;
    return result;
  }

  std::unique_ptr<target::SetnsSockets> sockets_;
  std::unique_ptr<DiagSource> diag_;
  std::unique_ptr<ProcfsSource> procfs_;
  std::vector<testing::RemoteListener> listeners_;
};

TEST_F(ListenerSources, SeeNobodyInANewNamespace) {
  EXPECT_EQ(scan(*diag_), Lines{});
  EXPECT_EQ(scan(*procfs_), Lines{});
}

TEST_F(ListenerSources, SeeTheSameListenersOfEveryKind) {
  ListenOptions mapped;
  mapped.mapped = true;
  listen("127.0.0.1", 3000);
  listen("127.0.0.2", 3000);
  listen("0.0.0.0", 8080);
  listen("::1", 5173);
  listen("::", 8081);
  listen("::", 8082, v6_only());
  listen("0.0.0.0", 8082);
  listen("127.0.0.1", 8083, mapped);
  listen("127.0.0.1", 65535);
  const Lines diag = scan(*diag_);
  EXPECT_EQ(diag, scan(*procfs_));
  Lines expected;
  for (const std::size_t i : {2U, 6U, 0U, 7U, 8U, 1U, 4U, 5U, 3U}) {
    const auto& listener = listeners_[i];
    expected.push_back(listener.endpoint.to_string() + " " + std::to_string(listener.inode));
  }
  EXPECT_EQ(diag, expected);
}

TEST_F(ListenerSources, ShowAnEndpointOnceHoweverManyListenOnIt) {
  ListenOptions shared;
  shared.reuse_port = true;
  for (int i = 0; i < 5; ++i) {
    listen("0.0.0.0", 9000, shared);
    listen("::1", 9000, shared);
  }
  const Lines diag = scan(*diag_);
  EXPECT_EQ(diag.size(), 2U);
  EXPECT_EQ(diag, scan(*procfs_)) << "the same one of several, too";
}

TEST_F(ListenerSources, TellDualStackFromIpv6OnlyWhereTheKernelDoes) {
  listen("::", 8081);
  listen("::", 8082, v6_only());
  const auto snapshot = diag_->scan();
  ASSERT_TRUE(snapshot);
  ASSERT_EQ(snapshot->listeners.size(), 2U);
  EXPECT_FALSE(snapshot->listeners[0].v6_only);
  EXPECT_TRUE(snapshot->listeners[1].v6_only);
}

TEST_F(ListenerSources, TellTheSameUserToRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root has the same number on both sides";
  listen("127.0.0.1", 3000);
  EXPECT_EQ(diag_->scan()->listeners.at(0).uid, 0U);
  EXPECT_EQ(procfs_->scan()->listeners.at(0).uid, 0U);
}

TEST_F(ListenerSources, FollowListenersThatComeAndGo) {
  listen("127.0.0.1", 3000);
  listen("::1", 3000);
  EXPECT_EQ(scan(*diag_).size(), 2U);
  EXPECT_EQ(scan(*procfs_).size(), 2U);
  ASSERT_TRUE(space_->close_listener(listeners_[0].id));
  EXPECT_EQ(scan(*diag_), scan(*procfs_));
  EXPECT_EQ(scan(*diag_).size(), 1U);
  ASSERT_TRUE(space_->close_listener(listeners_[1].id));
  EXPECT_EQ(scan(*diag_), Lines{});
  EXPECT_EQ(scan(*procfs_), Lines{});
}

TEST_F(ListenerSources, SeeThroughConnections) {
  listen("127.0.0.1", 3000);
  listen("127.0.0.1", 3001);
  ASSERT_TRUE(space_->churn(listeners_[0].id, 300, false));  // leaves TIME_WAIT behind
  EXPECT_EQ(scan(*diag_).size(), 2U);
  EXPECT_EQ(scan(*procfs_), scan(*diag_));
}

TEST_F(ListenerSources, SeeHundredsOfListenersWhole) {
  for (std::uint16_t port = 1000; port < 1600; ++port) listen("127.0.0.1", port);
  const Lines diag = scan(*diag_);
  EXPECT_EQ(diag.size(), 600U);
  EXPECT_EQ(diag, scan(*procfs_));
}

TEST_F(ListenerSources, OfADeadNamespaceGiveAnErrorAndNoEmptyPicture) {
  listen("127.0.0.1", 3000);
  space_->end();
  for (ListenerSource* source :
       {static_cast<ListenerSource*>(diag_.get()), static_cast<ListenerSource*>(procfs_.get())}) {
    const auto snapshot = source->scan();
    ASSERT_FALSE(snapshot) << source->name();
    EXPECT_EQ(snapshot.error().code.value(), ESRCH);
  }
  space_.reset();  // reaped: now the number may belong to anybody
  EXPECT_FALSE(diag_->scan());
  EXPECT_FALSE(procfs_->scan());
  EXPECT_FALSE(ProcfsSource::open(*init_));
}

TEST_F(ListenerSources, AreNotFooledByANamespaceThatHasTakenTheOldOnesPlace) {
  listen("127.0.0.1", 3000);
  space_->end();
  auto next = testing::Namespace::create();
  ASSERT_TRUE(next);
  EXPECT_FALSE(diag_->scan());
  EXPECT_FALSE(procfs_->scan());
}

}  // namespace
}  // namespace fairlead::detect
