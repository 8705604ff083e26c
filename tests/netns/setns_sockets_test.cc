// The pool of sockets made inside a namespace, and the helper process behind it.
#include "target/setns_sockets.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

#include "base/text_file.h"
#include "tests/netns/fixture.h"

namespace fairlead::target {
namespace {

using base::UniqueFd;
using testing::Forked;
using testing::in_child;
using testing::Namespace;
using testing::open_descriptors;
using testing::readable;

constexpr std::size_t kIdle = 2 * 4;  // of both kinds, see NamespaceTest::options()

int option(const UniqueFd& fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  getsockopt(fd.get(), level, name, &value, &length);
  return value;
}

// Connects, and waits for the outcome. 0 or an errno.
int connect_to(const UniqueFd& fd, const base::Endpoint& endpoint) {
  const bool v6 = option(fd, SOL_SOCKET, SO_DOMAIN) == AF_INET6;
  const base::SocketAddress address = base::to_socket_address(endpoint, v6);
  if (connect(fd.get(), address.get(), address.length) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd entry{fd.get(), POLLOUT, 0};
  if (poll(&entry, 1, testing::kPatienceMs) != 1) return ETIMEDOUT;
  return option(fd, SOL_SOCKET, SO_ERROR);
}

class SetnsSocketsTest : public testing::NamespaceTest {
 protected:
  // A pool that has been started and filled.
  std::unique_ptr<SetnsSockets> filled() {
    auto sockets = make_sockets();
    const auto started = start(*sockets);
    EXPECT_TRUE(started) << started.error().message();
    EXPECT_TRUE(run_until([&] { return sockets->pooled() == kIdle; })) << sockets->pooled();
    return sockets;
  }
  UniqueFd take_soon(SetnsSockets& sockets, SocketKind kind) {
    UniqueFd socket;
    run_until([&] { return (socket = sockets.take(kind)).valid(); });
    return socket;
  }
};

TEST_F(SetnsSocketsTest, JoinsAndHandsOutSocketsOfThatNamespace) {
  const auto sockets = filled();
  EXPECT_EQ(sockets->cookie(), space_->cookie());
  EXPECT_NE(sockets->cookie(), 0U);
  EXPECT_GT(sockets->helper_pid(), 0);
  for (const SocketKind kind : {SocketKind::kTcp4, SocketKind::kTcp6}) {
    EXPECT_TRUE(sockets->supports(kind));
    const UniqueFd socket = sockets->take(kind);
    ASSERT_TRUE(socket);
    EXPECT_EQ(namespace_cookie(socket.get()), space_->cookie());
  }
  const auto diag = open_diag(*sockets);
  ASSERT_TRUE(diag);
  EXPECT_EQ(option(*diag, SOL_SOCKET, SO_DOMAIN), AF_NETLINK);
  EXPECT_EQ(namespace_cookie(diag->get()), space_->cookie());
}

TEST_F(SetnsSocketsTest, HandsOutSocketsReadyForUse) {
  const auto sockets = filled();
  for (const auto& [kind, domain] :
       {std::pair(SocketKind::kTcp4, AF_INET), {SocketKind::kTcp6, AF_INET6}}) {
    const UniqueFd socket = sockets->take(kind);
    ASSERT_TRUE(socket);
    EXPECT_EQ(option(socket, SOL_SOCKET, SO_DOMAIN), domain);
    EXPECT_EQ(option(socket, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
    EXPECT_EQ(option(socket, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
    EXPECT_EQ(option(socket, IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_NE(fcntl(socket.get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_NE(fcntl(socket.get(), F_GETFD) & FD_CLOEXEC, 0);
  }
}

TEST_F(SetnsSocketsTest, ReachesWhatListensOnTheNamespacesLoopback) {
  const auto sockets = filled();
  const std::pair<const char*, SocketKind> cases[] = {{"127.0.0.1", SocketKind::kTcp4},
                                                      {"127.0.0.1", SocketKind::kTcp6},
                                                      {"127.0.0.2", SocketKind::kTcp4},
                                                      {"::1", SocketKind::kTcp6}};
  for (const auto& [address, kind] : cases) {
    const auto listener = space_->listen(on(address, 0));
    ASSERT_TRUE(listener);
    ASSERT_TRUE(space_->echo_once(listener->id));
    const UniqueFd socket = sockets->take(kind);
    ASSERT_EQ(connect_to(socket, listener->endpoint), 0) << address;
    ASSERT_EQ(write(socket.get(), "hello", 5), 5);
    ASSERT_TRUE(readable(socket.get()));
    char answer[8] = {};
    EXPECT_EQ(read(socket.get(), answer, sizeof answer), 5);
    EXPECT_STREQ(answer, "hello");
  }
  const UniqueFd socket = sockets->take(SocketKind::kTcp4);
  EXPECT_EQ(connect_to(socket, on("127.0.0.1", 9)), ECONNREFUSED);
}

TEST_F(SetnsSocketsTest, DoesNotReachOurOwnLoopback) {
  const auto ours = base::listen_tcp({base::IpAddress::loopback4(), 0}, 1);
  ASSERT_TRUE(ours);
  const auto sockets = filled();
  const UniqueFd socket = sockets->take(SocketKind::kTcp4);
  EXPECT_EQ(connect_to(socket, *base::local_endpoint(*ours)), ECONNREFUSED);
}

TEST_F(SetnsSocketsTest, JoinsANamespaceWhoseUsersAreOurs) {
  if (geteuid() != 0) GTEST_SKIP() << "a network namespace without a user namespace takes root";
  auto space = Namespace::create(Namespace::Users::kOurs);
  ASSERT_TRUE(space) << space.error().message();
  const InitProcess init = space->init();
  SetnsSockets sockets(loop_, init, options());
  const auto started = start(sockets);
  ASSERT_TRUE(started) << started.error().message();
  EXPECT_EQ(sockets.cookie(), space->cookie());
}

TEST_F(SetnsSocketsTest, RefillsWhatWasTaken) {
  const auto sockets = filled();
  int refills = 0;
  sockets->on_refilled([&] { ++refills; });
  std::vector<UniqueFd> taken;
  for (int i = 0; i < 4; ++i) {
    taken.push_back(sockets->take(SocketKind::kTcp4));
    EXPECT_TRUE(taken.back());
  }
  EXPECT_TRUE(run_until([&] { return refills > 0 && sockets->pooled() >= kIdle; }));
  EXPECT_TRUE(sockets->take(SocketKind::kTcp4));
}

TEST_F(SetnsSocketsTest, GivesNothingWhenEmptyAndTellsWhenThereIsSomething) {
  const auto sockets = filled();
  bool told = false;
  sockets->on_refilled([&] { told = true; });
  std::vector<UniqueFd> taken;
  while (UniqueFd socket = sockets->take(SocketKind::kTcp4)) taken.push_back(std::move(socket));
  EXPECT_EQ(taken.size(), 4U);
  EXPECT_FALSE(told) << "nothing happens outside the loop";
  EXPECT_TRUE(run_until([&] { return told; }));
  EXPECT_TRUE(sockets->take(SocketKind::kTcp4));
}

TEST_F(SetnsSocketsTest, GrowsUnderLoadUpToItsBoundAndShrinksAfterwards) {
  const auto sockets = filled();
  const std::size_t largest = options().largest_pool;
  std::vector<UniqueFd> taken;
  std::size_t most = 0;
  ASSERT_TRUE(run_until([&] {
    while (UniqueFd socket = sockets->take(SocketKind::kTcp4)) taken.push_back(std::move(socket));
    most = std::max(most, sockets->pooled());
    return taken.size() > 500;
  }));
  ASSERT_TRUE(run_until([&] {
    most = std::max(most, sockets->pooled());
    return sockets->pooled() >= largest;
  }));
  EXPECT_LE(most, largest + kIdle);
  taken.clear();
  EXPECT_TRUE(run_until([&] { return sockets->pooled() <= kIdle; })) << sockets->pooled();
}

TEST_F(SetnsSocketsTest, TakesBackWhatWasNotUsed) {
  const auto sockets = filled();
  UniqueFd socket = sockets->take(SocketKind::kTcp4);
  const int number = socket.get();
  sockets->give_back(SocketKind::kTcp4, std::move(socket));
  EXPECT_EQ(sockets->pooled(), kIdle);
  EXPECT_EQ(sockets->take(SocketKind::kTcp4).get(), number);
}

TEST_F(SetnsSocketsTest, HasNoPoolOfDiagSocketsAndSaysSo) {
  const auto sockets = filled();
  // In a process of its own: an index beyond the pools may do anything.
  EXPECT_EQ(in_child([&] {
              UniqueFd socket = sockets->take(SocketKind::kDiag);
              if (socket) {
                socket.release();
                return 1;
              }
              sockets->give_back(SocketKind::kDiag, UniqueFd(dup(0)));
              return 0;
            }),
            0);
}

TEST_F(SetnsSocketsTest, ServesFromItsPoolWhileAKilledHelperIsReplaced) {
  const auto sockets = filled();
  const std::int64_t first = sockets->helper_pid();
  ASSERT_EQ(kill(static_cast<pid_t>(first), SIGKILL), 0);
  UniqueFd socket = sockets->take(SocketKind::kTcp4);
  EXPECT_TRUE(socket);
  ASSERT_TRUE(run_until([&] {
    return sockets->helper_pid() != 0 && sockets->helper_pid() != first &&
           sockets->pooled() >= kIdle - 1;
  }));
  EXPECT_EQ(sockets->cookie(), space_->cookie());
  for (int i = 0; i < 20; ++i) {
    socket = take_soon(*sockets, SocketKind::kTcp4);
    ASSERT_TRUE(socket);
    EXPECT_EQ(namespace_cookie(socket.get()), space_->cookie());
  }
}

TEST_F(SetnsSocketsTest, SurvivesManyDeathsOfItsHelperWithoutALeak) {
  const auto sockets = filled();
  // Pools may have grown meanwhile; what is in them is no leak.
  const auto besides_pooled = [&] { return open_descriptors() - sockets->pooled(); };
  const std::size_t before = besides_pooled();
  for (int i = 0; i < 5; ++i) {
    const std::int64_t helper = sockets->helper_pid();
    ASSERT_GT(helper, 0);
    ASSERT_EQ(kill(static_cast<pid_t>(helper), SIGKILL), 0);
    ASSERT_TRUE(
        run_until([&] { return sockets->helper_pid() != 0 && sockets->helper_pid() != helper; }));
    ASSERT_TRUE(take_soon(*sockets, SocketKind::kTcp6));
  }
  ASSERT_TRUE(run_until([&] { return sockets->pooled() >= kIdle; }));
  EXPECT_EQ(besides_pooled(), before);
}

TEST_F(SetnsSocketsTest, AnswersADiagRequestThroughANewHelper) {
  const auto sockets = filled();
  ASSERT_EQ(kill(static_cast<pid_t>(sockets->helper_pid()), SIGKILL), 0);
  std::optional<base::Result<UniqueFd>> outcome;
  sockets->open_one(SocketKind::kDiag,
                    [&](base::Result<UniqueFd> result) { outcome = std::move(result); });
  ASSERT_TRUE(run_until([&] { return outcome.has_value(); }));
  ASSERT_TRUE(*outcome);
  EXPECT_EQ(namespace_cookie((*outcome)->get()), space_->cookie());
}

TEST_F(SetnsSocketsTest, AnswersEveryDiagRequestOnce) {
  const auto sockets = make_sockets();
  int answers = 0;
  for (int i = 0; i < 10; ++i) {
    sockets->open_one(SocketKind::kDiag,
                      [&](base::Result<UniqueFd> result) { answers += result ? 1 : 0; });
  }
  ASSERT_TRUE(start(*sockets));
  for (int i = 0; i < 10; ++i) {
    sockets->open_one(SocketKind::kDiag,
                      [&](base::Result<UniqueFd> result) { answers += result ? 1 : 0; });
  }
  ASSERT_TRUE(run_until([&] { return answers == 20; })) << answers;
}

TEST_F(SetnsSocketsTest, AnswersADiagRequestEvenIfItCannotJoin) {
  const auto sockets = make_sockets();
  space_->end();
  std::optional<base::Result<UniqueFd>> outcome;
  sockets->open_one(SocketKind::kDiag,
                    [&](base::Result<UniqueFd> result) { outcome = std::move(result); });
  EXPECT_FALSE(start(*sockets));
  // The loop runs dry: whatever is going to be answered has been.
  loop_.restart();
  loop_.run();
  ASSERT_TRUE(outcome.has_value()) << "the caller waits for ever";
  EXPECT_FALSE(*outcome);
}

TEST_F(SetnsSocketsTest, DropsEverythingAtClose) {
  filled().reset();  // the loop's own descriptors exist from now on
  const std::size_t before = open_descriptors();
  auto sockets = filled();
  const auto helper = base::open_pidfd(sockets->helper_pid());
  ASSERT_TRUE(helper);
  sockets->close();
  EXPECT_EQ(sockets->pooled(), 0U);
  EXPECT_EQ(sockets->helper_pid(), 0);
  EXPECT_FALSE(base::pidfd_alive(*helper));
  EXPECT_FALSE(sockets->take(SocketKind::kTcp4));
  sockets->give_back(SocketKind::kTcp4, UniqueFd(dup(0)));
  EXPECT_EQ(sockets->pooled(), 0U);
  loop_.restart();
  loop_.run();  // nothing is left that would keep it busy
  EXPECT_FALSE(sockets->take(SocketKind::kTcp6));
  sockets.reset();
  EXPECT_EQ(open_descriptors(), before + 1);  // the pidfd of this test
}

TEST_F(SetnsSocketsTest, MayBeDestroyedAtAnyMoment) {
  filled().reset();  // the loop's own descriptors exist from now on
  const std::size_t before = open_descriptors();
  for (int steps = 0; steps < 12; ++steps) {
    auto sockets = make_sockets();
    bool called = false;
    sockets->start([&](base::Result<void>) { called = true; });
    sockets->open_one(SocketKind::kDiag, [](base::Result<UniqueFd>) {});
    loop_.restart();
    for (int i = 0; i < steps; ++i) loop_.run_one_for(std::chrono::milliseconds(2));
    sockets->take(SocketKind::kTcp4);
    sockets.reset();
    loop_.restart();
    loop_.run();
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(SetnsSocketsTest, MayBeDestroyedWithinItsOwnCallback) {
  auto sockets = make_sockets();
  bool called = false;
  sockets->start([&](base::Result<void> result) {
    called = static_cast<bool>(result);
    sockets.reset();
  });
  EXPECT_TRUE(run_until([&] { return called; }));
  loop_.restart();
  loop_.run();
  EXPECT_FALSE(sockets);
}

TEST_F(SetnsSocketsTest, RefusesOurOwnNetworkNamespace) {
  if (geteuid() != 0) GTEST_SKIP() << "joining our own namespace again takes root";
  Forked container([] {
    for (;;) pause();
    return 0;
  });
  const auto init = InitProcess::open(container.pid());
  ASSERT_TRUE(init);
  SetnsSockets sockets(loop_, *init, options());
  const auto started = start(sockets);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message().find("own network"), std::string::npos)
      << started.error().message();
  EXPECT_EQ(sockets.pooled(), 0U);
  EXPECT_EQ(sockets.helper_pid(), 0);
  EXPECT_FALSE(sockets.take(SocketKind::kTcp4));
}

TEST_F(SetnsSocketsTest, SaysThatTheContainerHasEnded) {
  const auto sockets = make_sockets();
  space_->end();
  const auto started = start(*sockets);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code.value(), ESRCH);
}

TEST_F(SetnsSocketsTest, SaysThatTheHelperCannotBeStarted) {
  auto missing = options();
  missing.helper_argv = {"/nonexistent/helper"};
  SetnsSockets sockets(loop_, *init_, missing);
  const auto started = start(sockets);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code.value(), ENOENT);
}

TEST_F(SetnsSocketsTest, SaysThatTheHelperEndedBeforeItAnswered) {
  auto mute = options();
  mute.helper_argv = {"true"};
  SetnsSockets sockets(loop_, *init_, mute);
  const auto started = start(sockets);
  ASSERT_FALSE(started);
  EXPECT_FALSE(started.error().message().empty());
}

TEST_F(SetnsSocketsTest, StartsNoNewHelperOnceTheContainerHasEnded) {
  const auto sockets = filled();
  const std::int64_t helper = sockets->helper_pid();
  space_->end();
  ASSERT_EQ(kill(static_cast<pid_t>(helper), SIGKILL), 0);
  ASSERT_TRUE(run_until([&] { return sockets->helper_pid() == 0; }));
  loop_.restart();
  loop_.run();  // runs dry: no retry is pending
  EXPECT_EQ(sockets->helper_pid(), 0);
  sockets->close();
  EXPECT_FALSE(sockets->take(SocketKind::kTcp4));
}

TEST_F(SetnsSocketsTest, OutlivesTheContainerOnlyAsDeadSockets) {
  const auto sockets = filled();
  const auto listener = space_->listen(on("127.0.0.1", 3000));
  ASSERT_TRUE(listener);
  space_->end();
  // Until the owner closes us these are still handed out; nothing answers there any more.
  const UniqueFd socket = sockets->take(SocketKind::kTcp4);
  ASSERT_TRUE(socket);
  EXPECT_EQ(connect_to(socket, listener->endpoint), ECONNREFUSED);
}

TEST_F(SetnsSocketsTest, ItsHelperHasNoCapabilitiesAndNoDescriptorsOfOurs) {
  const auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 1);
  const auto sockets = filled();
  const std::string process = "/proc/" + std::to_string(sockets->helper_pid());
  const auto status = base::read_text_file(process + "/status", 1U << 16);
  ASSERT_TRUE(status);
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    EXPECT_NE(status->find(std::string(set) + ":\t0000000000000000"), std::string::npos) << set;
  }
  EXPECT_NE(status->find("NoNewPrivs:\t1"), std::string::npos);
  EXPECT_NE(status->find("Threads:\t1"), std::string::npos);
  // Three streams and the channel, as soon as it has closed its copies of what it sent.
  std::vector<int> numbers;
  EXPECT_TRUE(testing::eventually([&] {
    numbers.clear();
    for (const auto& entry : std::filesystem::directory_iterator(process + "/fd")) {
      numbers.push_back(std::stoi(entry.path().filename()));
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers == std::vector<int>{0, 1, 2, 3};
  })) << ::testing::PrintToString(numbers);
}

TEST_F(SetnsSocketsTest, ItsHelperEndsWhenWeAreKilled) {
  auto told = base::make_pipe();
  Forked supervisor([&] {
    loop_.notify_fork(boost::asio::execution_context::fork_child);
    const auto sockets = filled();
    const std::int64_t pid = sockets->helper_pid();
    if (write(told->second.get(), &pid, sizeof pid) != sizeof pid) return 1;
    for (;;) pause();
  });
  std::int64_t pid = 0;
  ASSERT_EQ(read(told->first.get(), &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  const auto helper = base::open_pidfd(pid);
  ASSERT_TRUE(helper);
  supervisor.kill(SIGKILL);
  EXPECT_TRUE(readable(helper->get()));
}

TEST_F(SetnsSocketsTest, MayBeTakenFromByManyThreads) {
  const auto sockets = filled();
  std::atomic<int> taken{0};
  std::atomic<bool> strange{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (taken < 300) {
        UniqueFd socket = sockets->take(SocketKind::kTcp4);
        if (!socket) {
          std::this_thread::yield();
          continue;
        }
        if (namespace_cookie(socket.get()) != space_->cookie()) strange = true;
        if (++taken % 3 == 0) sockets->give_back(SocketKind::kTcp4, std::move(socket));
      }
    });
  }
  const bool enough = run_until([&] { return taken >= 300; });
  taken = 300;
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(enough);
  EXPECT_FALSE(strange);
}

}  // namespace
}  // namespace fairlead::target
