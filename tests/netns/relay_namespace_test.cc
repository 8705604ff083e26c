// The relay kind `namespace`, beyond what every kind guarantees: falling back from one target to
// the next on one socket, and living with a pool of sockets, a helper and a descriptor table that
// run short.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <functional>
#include <future>
#include <thread>

#include "base/text_file.h"
#include "tests/netns/relay_fixture.h"

namespace fairlead::testing {
namespace {

using base::UniqueFd;

class NamespaceRelayTest : public RelayTest {
 protected:
  void start_way_with(NamespaceWay::Options how) {
    start_way(std::make_unique<NamespaceWay>(*init_, std::move(how)));
  }
  NamespaceWay& way() { return static_cast<NamespaceWay&>(*way_); }
  std::vector<base::Endpoint> at_port(const std::vector<const char*>& addresses,
                                      std::uint16_t port) {
    std::vector<base::Endpoint> targets;
    for (const char* address : addresses) targets.push_back(on(address, port));
    return targets;
  }
};

// Echoes every connection of a listener until told to stop.
class EchoServer {
 public:
  explicit EchoServer(const UniqueFd& listener) : thread_([this, &listener] { run(listener); }) {}
  ~EchoServer() {
    stop_ = true;
    thread_.join();
  }

 private:
  void run(const UniqueFd& listener) {
    std::vector<UniqueFd> connections;
    while (!stop_) {
      std::vector<pollfd> entries{{listener.get(), POLLIN, 0}};
      for (const UniqueFd& fd : connections) entries.push_back({fd.get(), POLLIN, 0});
      if (poll(entries.data(), entries.size(), 20) <= 0) continue;
      for (std::size_t i = entries.size() - 1; i > 0; --i) {
        if (entries[i].revents == 0) continue;
        char buffer[4096];
        const ssize_t count = recv(entries[i].fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (count <= 0) {
          connections.erase(connections.begin() + static_cast<std::ptrdiff_t>(i - 1));
        } else {
          send(entries[i].fd, buffer, static_cast<std::size_t>(count), MSG_NOSIGNAL);
        }
      }
      if (entries[0].revents != 0) {
        UniqueFd fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (fd) connections.push_back(std::move(fd));
      }
    }
  }

  std::atomic<bool> stop_{false};
  std::thread thread_;
};

bool is_served(const UniqueFd& client) {
  return client && send_all(client, "hello") == 5 && receive_exactly(client, 5) == "hello";
}

// --- One socket, several targets ---

struct Fallback {
  std::vector<const char*> targets;
  const char* listening;
};

class NamespaceRelayFallback : public NamespaceRelayTest,
                               public ::testing::WithParamInterface<Fallback> {};

TEST_P(NamespaceRelayFallback, ReachesWhoeverListens) {
  const Fallback& fallback = GetParam();
  server_ = serve(fallback.listening);
  start_relay(at_port(fallback.targets, server_.endpoint.port));
  for (int i = 0; i < 3; ++i) {
    Ends ends = connect_through();
    ASSERT_TRUE(ends.server);
    expect_talk(ends);
    auto sent =
        std::async(std::launch::async, [&] { return send_stream(ends.client, 1, 2U << 20); });
    EXPECT_TRUE(receive_stream(ends.server, 1, 2U << 20));
    EXPECT_TRUE(sent.get());
    sent = std::async(std::launch::async, [&] { return send_stream(ends.server, 2, 2U << 20); });
    EXPECT_TRUE(receive_stream(ends.client, 2, 2U << 20));
    EXPECT_TRUE(sent.get());
    shutdown(ends.client.get(), SHUT_WR);
    EXPECT_EQ(ending_of(ends.server), Ending::kEnd);
    ends.server.reset();
    EXPECT_EQ(ending_of(ends.client), Ending::kEnd);
    EXPECT_TRUE(all_ended());
  }
  const relay::RelayStats stats = relay_->stats();
  EXPECT_EQ(stats.total, 3U);
  EXPECT_EQ(stats.failed, 0U) << stats.last_error;
}

TEST_P(NamespaceRelayFallback, PassesResetsOn) {
  const Fallback& fallback = GetParam();
  server_ = serve(fallback.listening);
  start_relay(at_port(fallback.targets, server_.endpoint.port));
  Ends ends = connect_through();
  ASSERT_TRUE(ends.server);
  expect_talk(ends);
  reset_and_close(ends.client);
  EXPECT_EQ(ending_of(ends.server), Ending::kReset);
  ends = connect_through();
  ASSERT_TRUE(ends.server);
  expect_talk(ends);
  reset_and_close(ends.server);
  EXPECT_EQ(ending_of(ends.client), Ending::kReset);
}

// 192.0.2.1 and 2001:db8::1 fail at once (no route), the others by an answer.
INSTANTIATE_TEST_SUITE_P(
    , NamespaceRelayFallback,
    ::testing::Values(
        Fallback{{"127.0.0.1"}, "127.0.0.1"}, Fallback{{"::1"}, "::1"},
        Fallback{{"::1", "127.0.0.1"}, "::1"}, Fallback{{"::1", "127.0.0.1"}, "127.0.0.1"},
        Fallback{{"127.0.0.1", "::1"}, "127.0.0.1"}, Fallback{{"127.0.0.1", "::1"}, "::1"},
        Fallback{{"127.0.0.1", "127.0.0.2"}, "127.0.0.2"},
        Fallback{{"::1", "127.0.0.1", "127.0.0.2"}, "127.0.0.2"},
        Fallback{{"127.0.0.1", "::1", "127.0.0.2"}, "127.0.0.2"},
        Fallback{{"127.0.0.1", "127.0.0.2", "::1"}, "::1"},
        Fallback{{"192.0.2.1", "127.0.0.1"}, "127.0.0.1"}, Fallback{{"192.0.2.1", "::1"}, "::1"},
        Fallback{{"2001:db8::1", "127.0.0.1"}, "127.0.0.1"},
        Fallback{{"2001:db8::1", "::1"}, "::1"},
        Fallback{{"192.0.2.1", "::1", "127.0.0.1"}, "127.0.0.1"}),
    [](const auto& instance) {
      std::string name;
      for (const char* target : instance.param.targets) {
        for (const char* c = target; *c != '\0'; ++c) name += std::isalnum(*c) != 0 ? *c : '_';
        name += "__";
      }
      name += "answeredBy_";
      for (const char* c = instance.param.listening; *c != '\0'; ++c) {
        name += std::isalnum(*c) != 0 ? *c : '_';
      }
      return name;
    });

TEST_F(NamespaceRelayTest, ResetsTheClientOnlyWhenTheLastTargetHasRefused) {
  server_ = serve("127.0.0.1");
  const std::uint16_t port = server_.endpoint.port;
  server_.listener.reset();
  for (const auto& addresses : std::vector<std::vector<const char*>>{{"::1", "127.0.0.1"},
                                                                     {"127.0.0.1", "127.0.0.2"},
                                                                     {"192.0.2.1", "127.0.0.1"},
                                                                     {"127.0.0.1", "192.0.2.1"},
                                                                     {"192.0.2.1"}}) {
    start_relay(at_port(addresses, port));
    const UniqueFd client = dial_host(host_port_);
    if (client) {
      EXPECT_EQ(ending_of(client), Ending::kReset);
    }
    EXPECT_TRUE(all_ended());
    const relay::RelayStats stats = relay_->stats();
    EXPECT_EQ(stats.failed, 1U) << "a connection fails once, however many targets it has";
    EXPECT_NE(stats.last_error.find(addresses.back()), std::string::npos) << stats.last_error;
  }
}

TEST_F(NamespaceRelayTest, ResetsTheClientIfThereIsNothingToDial) {
  start_relay({});
  const UniqueFd client = dial_host(host_port_);
  if (client) {
    EXPECT_EQ(ending_of(client), Ending::kReset);
  }
  EXPECT_TRUE(all_ended());
  EXPECT_EQ(relay_->stats().failed, 1U);
}

TEST_F(NamespaceRelayTest, ManyClientsFallBackAtOnce) {
  for (const auto& [first, second] : {std::pair("::1", "127.0.0.1"), {"127.0.0.1", "::1"}}) {
    server_ = serve(second);
    start_relay(at_port({first, second}, server_.endpoint.port));
    const EchoServer echo(server_.listener);
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 200; ++i) clients.push_back(dial_host(host_port_));
    for (const UniqueFd& client : clients) ASSERT_TRUE(is_served(client));
    EXPECT_EQ(relay_->stats().failed, 0U);
    clients.clear();
    relay_.reset();
  }
}

TEST_F(NamespaceRelayTest, ReachesADualStackServerByEitherFamily) {
  server_ = serve("::", 0);
  for (const auto& addresses :
       std::vector<std::vector<const char*>>{{"127.0.0.1", "::1"}, {"::1", "127.0.0.1"}}) {
    start_relay(at_port(addresses, server_.endpoint.port));
    expect_talk(connect_through());
  }
}

TEST_F(NamespaceRelayTest, ReachesIpv4WhereIpv6IsSwitchedOff) {
  const int outcome = in_child([&] {
    const int space = CLONE_NEWNET | (init_->has_own_user_namespace() ? CLONE_NEWUSER : 0);
    if (setns(init_->pidfd().get(), space) != 0) return 2;
    for (const char* file :
         {"/proc/sys/net/ipv6/conf/all/disable_ipv6", "/proc/sys/net/ipv6/conf/lo/disable_ipv6"}) {
      const UniqueFd fd(open(file, O_WRONLY | O_CLOEXEC));
      if (!fd || !base::write_all(fd, "1", file)) return 1;
    }
    return 0;
  });
  if (outcome == 1) FAIRLEAD_SKIP("sysctl", "the namespace's settings cannot be written here");
  ASSERT_EQ(outcome, 0);
  server_ = serve("127.0.0.1");
  for (const auto& addresses : std::vector<std::vector<const char*>>{
           {"127.0.0.1", "::1"}, {"::1", "127.0.0.1"}, {"127.0.0.1"}}) {
    start_relay(at_port(addresses, server_.endpoint.port));
    expect_talk(connect_through());
    EXPECT_EQ(relay_->stats().failed, 0U);
  }
}

// --- Dials that hang ---

TEST_F(NamespaceRelayTest, DropsADialThatHangsWhenItsClientResetsOrTheRelayEnds) {
  server_ = serve("127.0.0.1");
  start_way();
  // A full backlog answers nothing at all.
  ASSERT_EQ(::listen(server_.listener.get(), 0), 0);
  std::vector<UniqueFd> fillers;
  const base::SocketAddress address = base::to_socket_address(server_.endpoint);
  for (int i = 0; i < 4; ++i) {
    UniqueFd filler = way().sockets().take(target::SocketKind::kTcp4);
    ASSERT_TRUE(filler);
    (void)connect(filler.get(), address.get(), address.length);
    fillers.push_back(std::move(filler));
  }
  start_relay({server_.endpoint});
  const std::size_t before = way_->descriptors();
  UniqueFd client = dial_host(host_port_);
  ASSERT_TRUE(client);
  ASSERT_EQ(send_all(client, "early"), 5U);
  ASSERT_TRUE(eventually([&] { return relay_->stats().total == 1; }));
  EXPECT_EQ(relay_->stats().open, 1U);
  reset_and_close(client);
  EXPECT_TRUE(all_ended());
  EXPECT_TRUE(descriptors_return_to(before));

  client = dial_host(host_port_);
  ASSERT_TRUE(client);
  ASSERT_TRUE(eventually([&] { return relay_->stats().open == 1; }));
  relay_->stop(std::chrono::milliseconds(0));
  EXPECT_EQ(ending_of(client), Ending::kReset);
  EXPECT_TRUE(all_ended());
}

TEST_F(NamespaceRelayTest, DeliversWhatAClientSentWhileItsDialWasHanging) {
  server_ = serve("127.0.0.1");
  start_way();
  ASSERT_EQ(::listen(server_.listener.get(), 0), 0);
  std::vector<UniqueFd> fillers;
  const base::SocketAddress address = base::to_socket_address(server_.endpoint);
  for (int i = 0; i < 3; ++i) {
    UniqueFd filler = way().sockets().take(target::SocketKind::kTcp4);
    (void)connect(filler.get(), address.get(), address.length);
    fillers.push_back(std::move(filler));
  }
  start_relay({server_.endpoint});
  UniqueFd client = dial_host(host_port_);
  ASSERT_TRUE(client);
  auto sent = std::async(std::launch::async, [&] {
    const bool all = send_stream(client, 1, 4U << 20);
    shutdown(client.get(), SHUT_WR);
    return all;
  });
  ASSERT_TRUE(eventually([&] { return relay_->stats().open == 1; }));
  fillers.clear();
  ASSERT_EQ(::listen(server_.listener.get(), 4096), 0);
  // The fillers' connections come first; ours is the one that says something.
  bool arrived = false;
  for (int i = 0; i < 4 && !arrived; ++i) {
    const UniqueFd server = accept_from(server_.listener);
    ASSERT_TRUE(server);
    arrived = receive_stream(server, 1, 4U << 20);
    if (arrived) {
      EXPECT_EQ(ending_of(server), Ending::kEnd);
    }
  }
  EXPECT_TRUE(arrived);
  EXPECT_TRUE(sent.get());
}

// --- The pool and its helper ---

TEST_F(NamespaceRelayTest, ServesEveryClientOfACrowdFromAPoolOfOne) {
  auto tiny = NamespaceWay::default_options();
  tiny.idle_pool = 1;
  tiny.largest_pool = 1;
  start_way_with(tiny);
  server_ = serve("127.0.0.1");
  start_relay({server_.endpoint});
  const EchoServer echo(server_.listener);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 500; ++i) clients.push_back(dial_host(host_port_));
  for (const UniqueFd& client : clients) ASSERT_TRUE(is_served(client));
  const relay::RelayStats stats = relay_->stats();
  EXPECT_EQ(stats.total, 500U);
  EXPECT_EQ(stats.failed, 0U);
}

TEST_F(NamespaceRelayTest, WakesEveryRelayThatWaitsForThePool) {
  auto tiny = NamespaceWay::default_options();
  tiny.idle_pool = 1;
  tiny.largest_pool = 2;
  start_way_with(tiny);
  std::vector<Server> servers;
  std::vector<std::unique_ptr<EchoServer>> echoes;
  std::vector<std::unique_ptr<relay::Relay>> relays;
  std::vector<std::uint16_t> ports(10);
  servers.reserve(ports.size());
  for (std::uint16_t& port : ports) {
    servers.push_back(serve("127.0.0.1"));
    echoes.push_back(std::make_unique<EchoServer>(servers.back().listener));
    relays.push_back(make_relay({servers.back().endpoint}, &port));
  }
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 30; ++i) {
    for (const std::uint16_t port : ports) clients.push_back(dial_host(port));
  }
  for (const UniqueFd& client : clients) ASSERT_TRUE(is_served(client));
}

TEST_F(NamespaceRelayTest, ServesACrowdOfMixedFamiliesFromASmallPool) {
  auto small = NamespaceWay::default_options();
  small.idle_pool = 2;
  small.largest_pool = 8;
  start_way_with(small);
  const Server v4 = serve("127.0.0.1");
  const Server v6 = serve("::1");
  const EchoServer echo4(v4.listener);
  const EchoServer echo6(v6.listener);
  std::uint16_t port4 = 0;
  std::uint16_t port6 = 0;
  const auto relay4 = make_relay({v4.endpoint}, &port4);
  const auto relay6 = make_relay({v6.endpoint}, &port6);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(dial_host(i % 2 == 0 ? port4 : port6));
  for (const UniqueFd& client : clients) ASSERT_TRUE(is_served(client));
}

TEST_F(NamespaceRelayTest, GoesOnWhenTheHelperIsKilledInTheMiddleOfTraffic) {
  constexpr std::size_t kSize = 32U << 20;
  start_relay_to_server();
  Ends ends = connect_through();
  auto sent = std::async(std::launch::async, [&] { return send_stream(ends.client, 1, kSize); });
  const std::string begin = receive_exactly(ends.server, 1U << 20);
  std::int64_t helper = 0;
  way().on_loop([&] { helper = way().sockets().helper_pid(); });
  ASSERT_GT(helper, 0);
  ASSERT_EQ(kill(static_cast<pid_t>(helper), SIGKILL), 0);
  ByteStream stream(1);
  EXPECT_TRUE(stream.matches(begin.data(), begin.size()));
  const std::string rest = receive_exactly(ends.server, kSize - begin.size());
  EXPECT_EQ(rest.size(), kSize - begin.size());
  EXPECT_TRUE(stream.matches(rest.data(), rest.size()));
  EXPECT_TRUE(sent.get());
  expect_talk(ends);
  for (int i = 0; i < 100; ++i) expect_talk(connect_through());
  EXPECT_TRUE(eventually([&] {
    std::int64_t now = 0;
    way().on_loop([&] { now = way().sockets().helper_pid(); });
    return now != 0 && now != helper;
  }));
  EXPECT_EQ(relay_->stats().failed, 0U);
}

TEST_F(NamespaceRelayTest, ServesEveryClientWhileTheHelperIsKilledAgainAndAgain) {
  auto tiny = NamespaceWay::default_options();
  tiny.idle_pool = 2;
  tiny.largest_pool = 4;
  start_way_with(tiny);
  server_ = serve("127.0.0.1");
  start_relay({server_.endpoint});
  const EchoServer echo(server_.listener);
  for (int round = 0; round < 5; ++round) {
    std::vector<UniqueFd> clients;
    for (int i = 0; i < 40; ++i) clients.push_back(dial_host(host_port_));
    way().on_loop([&] {
      const std::int64_t helper = way().sockets().helper_pid();
      if (helper > 0) kill(static_cast<pid_t>(helper), SIGKILL);
    });
    for (const UniqueFd& client : clients) ASSERT_TRUE(is_served(client)) << round;
  }
}

TEST_F(NamespaceRelayTest, ResetsClientsThatWaitForASocketWhenTheRelayStops) {
  auto tiny = NamespaceWay::default_options();
  tiny.idle_pool = 1;
  tiny.largest_pool = 1;
  start_way_with(tiny);
  server_ = serve("127.0.0.1");
  // No helper, no sockets: every client waits in the backlog.
  way().on_loop([&] { way().sockets().close(); });
  start_relay({server_.endpoint});
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(dial_host(host_port_));
  relay_->stop(std::chrono::seconds(60));
  for (const UniqueFd& client : clients) EXPECT_EQ(ending_of(client), Ending::kReset);
  EXPECT_EQ(relay_->stats().total, 0U);
}

// --- A full descriptor table: a relay in a process of its own, told what to do ---

struct Order {
  enum class Kind { kLimit, kUnlimit, kReport } kind = Kind::kReport;
  int spare = 0;
};
struct Report {
  std::uint64_t open = 0;
  std::uint64_t total = 0;
  std::uint64_t failed = 0;
  std::int64_t cpu_us = 0;
};

class CrampedRelayTest : public RelayTest {
 protected:
  void start_child(NamespaceWay::Options how) {
    server_ = serve("127.0.0.1");
    auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 4096);
    ASSERT_TRUE(listener);
    host_port_ = base::local_endpoint(*listener)->port;
    auto pair = base::make_packet_pair();
    ASSERT_TRUE(pair);
    channel_ = std::move(pair->first);
    child_ = std::make_unique<Forked>([&] {
      const UniqueFd orders = std::move(pair->second);
      channel_.reset();
      const base::Endpoint target = server_.endpoint;
      server_.listener.reset();
      return relay_in_child(orders, std::move(*listener), target, how);
    });
    Report ready;
    ASSERT_TRUE(ask({Order::Kind::kReport, 0}, ready)) << "the relay's process has ended";
    echo_ = std::make_unique<EchoServer>(server_.listener);
  }
  void TearDown() override {
    echo_.reset();
    child_.reset();
    RelayTest::TearDown();
  }

  int relay_in_child(const UniqueFd& orders, UniqueFd listener, const base::Endpoint& target,
                     const NamespaceWay::Options& how) {
    NamespaceWay way(*init_, how);
    if (!way.start()) return 1;
    std::vector<UniqueFd> listeners;
    listeners.push_back(std::move(listener));
    relay::StreamRelay relay(way.data_plane(), std::move(listeners), way.route({target}));
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    for (;;) {
      if (!readable(orders.get(), -1)) return 1;
      Order order;
      if (recv(orders.get(), &order, sizeof order, 0) != sizeof order) return 0;
      rlimit limit = before;
      if (order.kind == Order::Kind::kLimit) {
        const UniqueFd next_free(dup(0));
        limit.rlim_cur = static_cast<rlim_t>(next_free.get() + order.spare);
      }
      if (order.kind != Order::Kind::kReport) setrlimit(RLIMIT_NOFILE, &limit);
      rusage usage{};
      getrusage(RUSAGE_SELF, &usage);
      const relay::RelayStats stats = relay.stats();
      const Report report{stats.open, stats.total, stats.failed,
                          (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 +
                              usage.ru_utime.tv_usec + usage.ru_stime.tv_usec};
      if (send(orders.get(), &report, sizeof report, MSG_NOSIGNAL) != sizeof report) return 0;
    }
  }

  bool ask(const Order& order, Report& report) {
    return send(channel_.get(), &order, sizeof order, MSG_NOSIGNAL) == sizeof order &&
           readable(channel_.get()) &&
           recv(channel_.get(), &report, sizeof report, 0) == sizeof report;
  }

  std::unique_ptr<Forked> child_;
  std::unique_ptr<EchoServer> echo_;
  UniqueFd channel_;
};

struct Cramped {
  int spare;
  std::size_t idle_pool;
};
class CrampedRelay : public CrampedRelayTest, public ::testing::WithParamInterface<Cramped> {};

TEST_P(CrampedRelay, AnswersOrResetsEveryClientWithoutSpinningAndRecovers) {
  constexpr int kClients = 120;
  auto how = NamespaceWay::default_options();
  how.idle_pool = GetParam().idle_pool;
  how.largest_pool = 64;
  start_child(how);
  if (HasFatalFailure()) return;
  Report before;
  ASSERT_TRUE(ask({Order::Kind::kLimit, GetParam().spare}, before));
  const auto begin = std::chrono::steady_clock::now();
  std::vector<UniqueFd> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(dial_host(host_port_));
    ASSERT_TRUE(clients.back());
    send_all(clients.back(), "hello");
  }
  std::vector<UniqueFd> served;
  int reset = 0;
  int hanging = 0;
  for (UniqueFd& client : clients) {
    // A client that hangs costs the patience once: then it is known.
    if (hanging > 0 && !readable(client.get(), 0)) {
      ++hanging;
      continue;
    }
    const std::string answer = receive_exactly(client, 5);
    if (answer == "hello") {
      served.push_back(std::move(client));
    } else if (errno == ECONNRESET || errno == EPIPE) {
      ++reset;
    } else {
      ++hanging;
    }
  }
  const auto wall = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - begin);
  Report full;
  ASSERT_TRUE(ask({Order::Kind::kReport, 0}, full)) << "the relay's process has died";
  EXPECT_EQ(hanging, 0) << served.size() << " served, " << reset << " reset";
  EXPECT_GT(reset, 0) << "the table was never full";
  EXPECT_LT(full.cpu_us - before.cpu_us, wall.count() / 2) << "spins";
  // Whoever has a connection keeps it.
  for (const UniqueFd& client : served) EXPECT_TRUE(is_served(client));

  // Descriptors come back as connections end: new clients are served again, with no help.
  clients.clear();
  const bool gives_back = !served.empty();
  served.clear();
  if (gives_back) {
    EXPECT_TRUE(eventually([&] { return is_served(dial_host(host_port_)); }));
  }
  Report now;
  ASSERT_TRUE(ask({Order::Kind::kUnlimit, 0}, now));
  EXPECT_TRUE(eventually([&] {
    Report later;
    return ask({Order::Kind::kReport, 0}, later) && later.open == 0;
  }));
  // Loops whose patience ends in this very moment may still turn some away.
  EXPECT_TRUE(eventually([&] {
    std::vector<UniqueFd> crowd;
    for (int i = 0; i < kClients; ++i) crowd.push_back(dial_host(host_port_));
    return std::all_of(crowd.begin(), crowd.end(), is_served);
  }));
}

INSTANTIATE_TEST_SUITE_P(, CrampedRelay,
                         ::testing::Values(Cramped{0, 16}, Cramped{1, 16}, Cramped{2, 16},
                                           Cramped{7, 16}, Cramped{40, 16}, Cramped{41, 16},
                                           Cramped{6, 1}, Cramped{7, 1}),
                         [](const auto& instance) {
                           return "Spare" + std::to_string(instance.param.spare) + "Pool" +
                                  std::to_string(instance.param.idle_pool);
                         });

}  // namespace
}  // namespace fairlead::testing
