// A relay whose dialer the test plays: what other processes may do to its sockets meanwhile.
#include "relay/stream_relay.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <future>
#include <mutex>
#include <thread>

#include "base/net.h"
#include "relay/data_plane.h"
#include "relay/direct_dialer.h"
#include "tests/support/processes.h"

namespace fairlead::relay {
namespace {

using base::UniqueFd;

// Plain sockets of this host. Keeps a duplicate of each, as a process does that has just been
// forked, or one that has just sent the socket to us and not yet closed its own.
class KeepingDialer : public Dialer {
 public:
  DialSocket reserve(const std::vector<base::Endpoint>&, const std::function<void()>&) override {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const std::lock_guard lock(mutex_);
    kept_.emplace_back(dup(fd.get()));
    DialSocket socket;
    socket.fd = std::move(fd);
    return socket;
  }
  void unreserve(DialSocket) override {}
  void relieve() override {}
  base::Result<void> connect(DialSocket& socket, const base::Endpoint& target) override {
    const base::SocketAddress address = base::to_socket_address(target);
    if (::connect(socket.fd.get(), address.get(), address.length) == 0 || errno == EINPROGRESS) {
      return {};
    }
    return base::errno_error("connect");
  }
  void let_go() {
    const std::lock_guard lock(mutex_);
    kept_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<UniqueFd> kept_;
};

class HeldSocketsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto plane = DataPlane::start();
    ASSERT_TRUE(plane);
    plane_ = std::move(*plane);
    auto server = base::listen_tcp({base::IpAddress::loopback4(), 0}, 64);
    auto listener =
        base::listen_tcp({base::IpAddress::loopback4(), 0}, 64, base::AcceptedClose::kResets);
    ASSERT_TRUE(server && listener);
    server_ = std::move(*server);
    host_ = *base::local_endpoint(*listener);
    std::vector<UniqueFd> listeners;
    listeners.push_back(std::move(*listener));
    relay_ = std::make_unique<StreamRelay>(*plane_, std::move(listeners),
                                           Route{dialer_, {*base::local_endpoint(server_)}});
  }
  void TearDown() override {
    relay_.reset();
    plane_.reset();
  }

  void connect_through() {
    const base::SocketAddress address = base::to_socket_address(host_);
    client_.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(connect(client_.get(), address.get(), address.length), 0);
    ASSERT_TRUE(testing::readable(server_.get()));
    accepted_.reset(accept4(server_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_TRUE(accepted_);
  }
  bool all_ended() {
    return testing::eventually([&] { return relay_->stats().open == 0; });
  }
  void settle() {
    std::promise<void> done;
    plane_->loops()[0]->post([&] { done.set_value(); });
    done.get_future().wait();
  }

  std::shared_ptr<KeepingDialer> dialer_ = std::make_shared<KeepingDialer>();
  std::unique_ptr<DataPlane> plane_;
  std::unique_ptr<StreamRelay> relay_;
  base::Endpoint host_;
  UniqueFd server_;
  UniqueFd client_;
  UniqueFd accepted_;
};

// As long as a duplicate lives, the kernel goes on watching what we have closed.
TEST_F(HeldSocketsTest, IgnoresWhatHappensToASocketAfterItsConnectionHasEnded) {
  for (int i = 0; i < 20; ++i) {
    connect_through();
    base::reset_on_close(client_.get());
    client_.reset();
    ASSERT_TRUE(all_ended());
    settle();
    // Events on a socket that is ours no more.
    for (int j = 0; j < 5; ++j) {
      (void)!send(accepted_.get(), "late", 4, MSG_NOSIGNAL);
      settle();
    }
    accepted_.reset();
    settle();
  }
  dialer_->let_go();
  settle();
  connect_through();
  ASSERT_EQ(send(client_.get(), "x", 1, MSG_NOSIGNAL), 1);
  char byte = 0;
  ASSERT_TRUE(testing::readable(accepted_.get()));
  EXPECT_EQ(recv(accepted_.get(), &byte, 1, 0), 1);
}

TEST_F(HeldSocketsTest, TellsTheServerOfAnOrderlyEndThoughADuplicateLives) {
  connect_through();
  shutdown(client_.get(), SHUT_WR);
  ASSERT_TRUE(testing::readable(accepted_.get()));
  char byte = 0;
  EXPECT_EQ(recv(accepted_.get(), &byte, 1, 0), 0);
}

// Bulk flows that one loop has taken are spread: each loop carries its share, and no byte is lost
// on the way from one to the other.
TEST(StreamRelaySpread, BulkFlowsMoveToTheIdlerLoop) {
  constexpr std::size_t kFlows = 4;
  constexpr std::size_t kBytes = 24U << 20;
  auto plane = DataPlane::start(2);
  ASSERT_TRUE(plane);
  auto server = base::listen_tcp({base::IpAddress::loopback4(), 0}, 64);
  auto listener =
      base::listen_tcp({base::IpAddress::loopback4(), 0}, 64, base::AcceptedClose::kResets);
  ASSERT_TRUE(server && listener);
  const base::SocketAddress host = base::to_socket_address(*base::local_endpoint(*listener));
  std::vector<UniqueFd> listeners;
  listeners.push_back(std::move(*listener));
  StreamRelay relay(
      **plane, std::move(listeners),
      {std::make_shared<DirectDialer>([](const base::IpAddress&) { return base::Result<void>(); }),
       {*base::local_endpoint(*server)}});
  const auto byte_at = [](std::size_t flow, std::size_t i) {
    return static_cast<char>((i * 31 + (i >> 16) * 7 + flow) & 0xff);
  };
  std::atomic<bool> spread{false};
  std::atomic<bool> stop_watching{false};
  std::thread watcher([&] {
    while (!stop_watching) {
      const auto& loops = (*plane)->loops();
      if (loops[0]->bulk_flows() > 0 && loops[1]->bulk_flows() > 0) spread = true;
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> threads;
  std::atomic<std::size_t> intact{0};
  for (std::size_t flow = 0; flow < kFlows; ++flow) {
    const UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(connect(client.get(), host.get(), host.length), 0);
    ASSERT_TRUE(testing::readable(server->get()));
    UniqueFd accepted(accept4(server->get(), nullptr, nullptr, SOCK_CLOEXEC));
    threads.emplace_back([&byte_at, flow, fd = dup(client.get())] {
      const UniqueFd own(fd);
      std::string chunk(512U << 10, '\0');
      for (std::size_t sent = 0; sent < kBytes; sent += chunk.size()) {
        for (std::size_t i = 0; i < chunk.size(); ++i) chunk[i] = byte_at(flow, sent + i);
        for (std::size_t done = 0; done < chunk.size();) {
          const ssize_t count =
              send(own.get(), chunk.data() + done, chunk.size() - done, MSG_NOSIGNAL);
          if (count <= 0) return;
          done += static_cast<std::size_t>(count);
        }
      }
      shutdown(own.get(), SHUT_WR);
    });
    threads.emplace_back([&byte_at, &intact, flow, own = std::move(accepted)] {
      std::string chunk(512U << 10, '\0');
      std::size_t got = 0;
      ssize_t count = 0;
      while ((count = recv(own.get(), chunk.data(), chunk.size(), 0)) > 0) {
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
          if (chunk[i] != byte_at(flow, got + i)) return;
        }
        got += static_cast<std::size_t>(count);
      }
      if (count == 0 && got == kBytes) ++intact;
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop_watching = true;
  watcher.join();
  EXPECT_EQ(intact, kFlows);
  EXPECT_TRUE(spread);
  EXPECT_TRUE(testing::eventually([&] { return relay.stats().open == 0; }));
  EXPECT_EQ(relay.stats().bytes_to_container, kFlows * kBytes);
  for (const EventLoop* loop : (*plane)->loops()) EXPECT_EQ(loop->bulk_flows(), 0);
}

}  // namespace
}  // namespace fairlead::relay
