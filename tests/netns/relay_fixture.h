// What the relay tests share: a container's stand-in whose listeners the test itself holds, so that
// one test sees both ends of a relayed connection; a data plane; blocking sockets with deadlines.
#pragma once

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "relay/data_plane.h"
#include "relay/direct_dialer.h"
#include "relay/namespace_dialer.h"
#include "relay/stream_relay.h"
#include "target/interface_addresses.h"
#include "tests/netns/fixture.h"
#include "tests/support/byte_stream.h"

namespace fairlead::testing {

// --- Sockets of tests: blocking, every call ends within kPatience ---

inline void make_patient(const base::UniqueFd& fd) {
  const timeval patience{std::chrono::seconds(kPatience).count(), 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

// An empty descriptor and errno if it cannot be had.
inline base::UniqueFd dial_host(std::uint16_t port) {
  const base::SocketAddress address = base::to_socket_address({base::IpAddress::loopback4(), port});
  base::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  make_patient(fd);
  if (connect(fd.get(), address.get(), address.length) != 0) {
    const int failure = errno;
    fd.reset();
    errno = failure;
  }
  return fd;
}

// The next connection at one of ours; empty if none comes.
inline base::UniqueFd accept_from(const base::UniqueFd& listener) {
  if (!readable(listener.get())) return {};
  base::UniqueFd fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (fd) make_patient(fd);
  return fd;
}

// How many bytes were sent before it failed; all of them if it did not.
inline std::size_t send_all(const base::UniqueFd& fd, std::string_view data) {
  std::size_t sent = 0;
  while (sent < data.size()) {
    const ssize_t count = send(fd.get(), data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    sent += static_cast<std::size_t>(count);
  }
  return sent;
}

// Exactly `size` bytes, or fewer if the stream ends or breaks before.
inline std::string receive_exactly(const base::UniqueFd& fd, std::size_t size) {
  std::string data(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t count = recv(fd.get(), data.data() + have, size - have, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    have += static_cast<std::size_t>(count);
  }
  data.resize(have);
  return data;
}

enum class Ending { kEnd, kReset, kData, kNothing, kOther };

// What the next read says.
inline Ending ending_of(const base::UniqueFd& fd) {
  char byte = 0;
  ssize_t count = 0;
  do {
    count = recv(fd.get(), &byte, 1, 0);
  } while (count < 0 && errno == EINTR);
  if (count == 0) return Ending::kEnd;
  if (count > 0) return Ending::kData;
  if (errno == ECONNRESET) return Ending::kReset;
  return errno == EAGAIN ? Ending::kNothing : Ending::kOther;
}

inline void reset_and_close(base::UniqueFd& fd) {
  base::reset_on_close(fd.get());
  fd.reset();
}

// --- Streams of bytes that can be checked ---

inline bool send_stream(const base::UniqueFd& fd, std::uint64_t seed, std::size_t size) {
  ByteStream stream(seed);
  std::string chunk(96 * 1024 + 13, '\0');
  for (std::size_t left = size; left > 0;) {
    const std::size_t now = std::min(left, chunk.size());
    stream.fill(chunk.data(), now);
    if (send_all(fd, std::string_view(chunk).substr(0, now)) != now) return false;
    left -= now;
  }
  return true;
}

// Whether exactly these bytes come, and nothing of them is missing.
inline bool receive_stream(const base::UniqueFd& fd, std::uint64_t seed, std::size_t size) {
  ByteStream stream(seed);
  std::string chunk(128 * 1024, '\0');
  for (std::size_t left = size; left > 0;) {
    const ssize_t count = recv(fd.get(), chunk.data(), std::min(left, chunk.size()), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    if (!stream.matches(chunk.data(), static_cast<std::size_t>(count))) return false;
    left -= static_cast<std::size_t>(count);
  }
  return true;
}

// --- The container and the relay's surroundings ---

// Waits until every loop has done what it was told before.
inline void settle_all(relay::DataPlane& data_plane) {
  for (relay::EventLoop* loop : data_plane.loops()) {
    std::promise<void> done;
    loop->post([&] { done.set_value(); });
    done.get_future().wait();
  }
}

// How one kind of relay gets into the container, and a data plane for it. Every relay has to be
// gone before it goes.
class Way {
 public:
  Way() = default;
  Way(const Way&) = delete;
  Way& operator=(const Way&) = delete;
  virtual ~Way() = default;

  virtual base::Result<void> start() = 0;
  virtual relay::Route route(std::vector<base::Endpoint> targets) = 0;
  // Descriptors of this process without those that are held ready.
  virtual std::size_t descriptors() const { return open_descriptors(); }

  relay::DataPlane& data_plane() { return *data_plane_; }
  // Everything that the data plane's threads were told before has been done.
  void settle() { settle_all(*data_plane_); }

 protected:
  base::Result<void> start_data_plane() {
    auto data_plane = relay::DataPlane::start(2);
    if (!data_plane) return data_plane.error();
    data_plane_ = std::move(*data_plane);
    return {};
  }
  std::unique_ptr<relay::DataPlane> data_plane_;
};

// A kind of relay, and what it guarantees: SPEC.md "Relays".
struct Kind {
  const char* name;
  std::unique_ptr<Way> (*make)(const target::InitProcess& init);
  bool inside = true;     // the container's servers are in a namespace of their own
  bool exact = true;      // ends and resets are passed on as they are
  bool programs = false;  // each connection is a program: fewer will do
  bool duplex = true;     // one direction goes on while the other one is stuck
};

// A running pool of sockets for one namespace. Everything that only the loop's thread may touch is
// set up before that thread begins and torn down after it has ended.
class NamespaceWay : public Way {
 public:
  using Options = target::SetnsSockets::Options;
  explicit NamespaceWay(const target::InitProcess& init, Options options = default_options())
      : sockets_(std::make_shared<target::SetnsSockets>(loop_, init, std::move(options))),
        dialer_(std::make_shared<relay::NamespaceDialer>(sockets_)) {}
  ~NamespaceWay() override {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
    data_plane_.reset();
    sockets_->close();
  }

  static Options default_options() {
    Options result;
    result.helper_argv = {"/proc/self/exe", "__sockets"};
    return result;
  }

  base::Result<void> start() override {
    std::optional<base::Result<void>> outcome;
    sockets_->start([&](base::Result<void> result) { outcome = std::move(result); });
    while (!outcome) {
      loop_.restart();
      if (loop_.run_one_for(kPatience) == 0) return base::plain_error("no answer");
    }
    if (!*outcome) return outcome->error();
    if (auto started = start_data_plane(); !started) return started;
    sockets_->on_refilled([dialer = dialer_] { dialer->sockets_arrived(); });
    loop_.restart();
    thread_ = std::thread([this] { loop_.run(); });
    return {};
  }

  // Runs something on the loop's thread and waits for it.
  template <class Task>
  void on_loop(Task task) {
    std::promise<void> done;
    boost::asio::post(loop_, [&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }

  std::size_t descriptors() const override { return open_descriptors() - sockets_->pooled(); }
  relay::Route route(std::vector<base::Endpoint> targets) override {
    return {dialer_, std::move(targets)};
  }
  const std::shared_ptr<relay::NamespaceDialer>& dialer() { return dialer_; }
  target::SetnsSockets& sockets() { return *sockets_; }

 private:
  boost::asio::io_context loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      loop_.get_executor()};
  std::shared_ptr<target::SetnsSockets> sockets_;
  std::shared_ptr<relay::NamespaceDialer> dialer_;
  std::thread thread_;
};

// Relay `direct`, with this host's own network in the container's part: its addresses are dialled
// from outside, and the proof of whose they are is the real one.
class DirectWay : public Way {
 public:
  base::Result<void> start() override {
    auto self = target::InitProcess::open(getpid());
    if (!self) return self.error();
    dialer_ = std::make_shared<relay::DirectDialer>(
        [init = std::make_shared<const target::InitProcess>(std::move(*self))](
            const base::IpAddress& address) { return target::confirm_address(*init, address); });
    return start_data_plane();
  }
  relay::Route route(std::vector<base::Endpoint> targets) override {
    return {dialer_, std::move(targets)};
  }

 private:
  std::shared_ptr<relay::Dialer> dialer_;
};

inline constexpr Kind kNamespaceKind{"Namespace",
                                     [](const target::InitProcess& init) -> std::unique_ptr<Way> {
                                       return std::make_unique<NamespaceWay>(init);
                                     }};
inline constexpr Kind kDirectKind{"Direct",
                                  [](const target::InitProcess&) -> std::unique_ptr<Way> {
                                    return std::make_unique<DirectWay>();
                                  },
                                  /*inside=*/false};

// A listener in the container, held by the test alone.
struct Server {
  base::UniqueFd listener;
  base::Endpoint endpoint;
};

// Both ends of one relayed connection.
struct Ends {
  base::UniqueFd client;
  base::UniqueFd server;
};

// Keeps the kernel's own buffers small, so that filling them takes no time.
inline void keep_buffers_small(const Ends& ends) {
  const int small = 64 << 10;
  for (const base::UniqueFd* fd : {&ends.client, &ends.server}) {
    setsockopt(fd->get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    setsockopt(fd->get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  }
}

class RelayTest : public NamespaceTest {
 protected:
  virtual const Kind& kind() const { return kNamespaceKind; }

  void SetUp() override {
    base::raise_descriptor_limit();
#ifdef __SANITIZE_THREAD__
    // The sanitizer's own thread keeps us from making a user namespace: root can do without.
    auto space = Namespace::create(Namespace::Users::kOurs);
    if (!space) FAIRLEAD_SKIP("netns", space.error().message());
    space_.emplace(std::move(*space));
    init_.emplace(space_->init());
#else
    NamespaceTest::SetUp();
#endif
  }
  void TearDown() override {
    relay_.reset();
    way_.reset();
  }

  Server serve(const std::string& address, std::uint16_t port = 0, ListenOptions how = {}) {
    if (!kind().inside) {
      auto here = base::listen_tcp(on(address, port), 4096);
      if (!here) {
        ADD_FAILURE() << here.error().message();
        return {};
      }
      const base::Endpoint endpoint = *base::local_endpoint(*here);
      return {std::move(*here), endpoint};
    }
    how.hand_over = true;
    how.keep_own = false;
    auto listener = space_->listen(on(address, port), how);
    if (!listener) {
      ADD_FAILURE() << listener.error().message();
      return {};
    }
    // A socket keeps its namespace: this one is the container's, though we hold it.
    ::listen(listener->descriptor.get(), 4096);
    return {std::move(listener->descriptor), listener->endpoint};
  }

  void start_way() { start_way(kind().make(*init_)); }
  void start_way(std::unique_ptr<Way> way) {
    way_ = std::move(way);
    const auto started = way_->start();
    ASSERT_TRUE(started) << started.error().message();
  }

  // A relay of its own on a free host port.
  std::unique_ptr<relay::Relay> make_relay(std::vector<base::Endpoint> targets,
                                           std::uint16_t* host_port) {
    auto listener =
        base::listen_tcp({base::IpAddress::loopback4(), 0}, 4096, base::AcceptedClose::kResets);
    if (!listener) {
      ADD_FAILURE() << listener.error().message();
      return nullptr;
    }
    *host_port = base::local_endpoint(*listener)->port;
    std::vector<base::UniqueFd> listeners;
    listeners.push_back(std::move(*listener));
    return std::make_unique<relay::StreamRelay>(way_->data_plane(), std::move(listeners),
                                                way_->route(std::move(targets)));
  }
  void start_relay(std::vector<base::Endpoint> targets) {
    if (!way_) start_way();
    ASSERT_TRUE(way_);
    relay_ = make_relay(std::move(targets), &host_port_);
    ASSERT_TRUE(relay_);
  }
  // The usual case: one server on 127.0.0.1 and a relay to it.
  void start_relay_to_server() {
    server_ = serve("127.0.0.1");
    start_relay({server_.endpoint});
  }

  Ends connect_through() { return connect_through(server_); }
  Ends connect_through(const Server& server) {
    Ends ends;
    ends.client = dial_host(host_port_);
    EXPECT_TRUE(ends.client) << std::strerror(errno);
    if (!ends.client) return ends;
    ends.server = accept_from(server.listener);
    EXPECT_TRUE(ends.server) << "the connection does not arrive";
    return ends;
  }

  // The other side has gone: by a reset where the kind passes it on.
  void expect_gone(const base::UniqueFd& server) const {
    const Ending ending = ending_of(server);
    EXPECT_TRUE(ending == Ending::kReset || (!kind().exact && ending == Ending::kEnd))
        << static_cast<int>(ending);
  }

  bool all_ended() {
    return eventually([this] { return relay_->stats().open == 0; });
  }

  bool descriptors_return_to(std::size_t baseline) {
    return eventually([&] { return way_->descriptors() == baseline; });
  }

  static void expect_talk(const Ends& ends) {
    ASSERT_EQ(send_all(ends.client, "ping"), 4U);
    ASSERT_EQ(receive_exactly(ends.server, 4), "ping");
    ASSERT_EQ(send_all(ends.server, "pong!"), 5U);
    ASSERT_EQ(receive_exactly(ends.client, 5), "pong!");
  }

  Server server_;
  std::unique_ptr<Way> way_;
  std::unique_ptr<relay::Relay> relay_;
  std::uint16_t host_port_ = 0;
};

}  // namespace fairlead::testing
