// A relay end to end over loopback, with a dialer that makes plain sockets: bytes through one
// connection, small round trips on one, and a connection with its round trip. CPU time is that of
// client, relay (one thread) and server together. What the pump does inside (copy, splice) is its
// own affair.
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "base/net.h"
#include "relay/data_plane.h"
#include "relay/direct_dialer.h"
#include "relay/stream_relay.h"

namespace fairlead::relay {
namespace {

using base::UniqueFd;

// Plain sockets of this host; whoever answers is whom we mean.
std::shared_ptr<Dialer> plain_dialer() {
  return std::make_shared<DirectDialer>(
      [](const base::IpAddress&) { return base::Result<void>(); });
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

UniqueFd blocking_listener(base::Endpoint& endpoint) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const base::SocketAddress any = base::to_socket_address({base::IpAddress::loopback4(), 0});
  if (bind(fd.get(), any.get(), any.length) != 0 || listen(fd.get(), 1024) != 0) fail("listen");
  endpoint = *base::local_endpoint(fd);
  return fd;
}

// A server thread that serves one connection after another, and a relay to it.
class Bed {
 public:
  template <typename Serve>
  explicit Bed(Serve serve) : server_(blocking_listener(server_endpoint_)) {
    plane_ = std::move(*DataPlane::start(1));
    auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 1024);
    host_ = *base::local_endpoint(*listener);
    std::vector<UniqueFd> listeners;
    listeners.push_back(std::move(*listener));
    relay_ = std::make_unique<StreamRelay>(*plane_, std::move(listeners),
                                           Route{plain_dialer(), std::vector{server_endpoint_}});
    thread_ = std::thread([this, serve] {
      for (;;) {
        const UniqueFd peer(accept4(server_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!peer) return;
        serve(peer.get());
      }
    });
  }
  ~Bed() {
    shutdown(server_.get(), SHUT_RDWR);  // ends accept4()
    thread_.join();
    relay_.reset();
    plane_.reset();
  }

  UniqueFd connect_through() const {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int one = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const base::SocketAddress address = base::to_socket_address(host_);
    if (connect(fd.get(), address.get(), address.length) != 0) fail("connect");
    return fd;
  }

 private:
  base::Endpoint server_endpoint_;
  UniqueFd server_;
  base::Endpoint host_;
  std::unique_ptr<DataPlane> plane_;
  std::unique_ptr<Relay> relay_;
  std::thread thread_;
};

void swallow(int fd) {
  std::vector<char> buffer(1U << 18);
  while (read(fd, buffer.data(), buffer.size()) > 0) {
  }
}

void echo(int fd) {
  char buffer[4096];
  for (;;) {
    const ssize_t size = read(fd, buffer, sizeof buffer);
    if (size <= 0) return;
    if (write(fd, buffer, static_cast<std::size_t>(size)) != size) return;
  }
}

void round_trip(benchmark::State& state, int fd, std::size_t bytes) {
  char buffer[4096] = {};
  if (write(fd, buffer, bytes) != static_cast<ssize_t>(bytes)) state.SkipWithError("write");
  for (std::size_t got = 0; got < bytes;) {
    const ssize_t size = read(fd, buffer, sizeof buffer);
    if (size <= 0) return state.SkipWithError("the connection ended");
    got += static_cast<std::size_t>(size);
  }
}

void bulk(benchmark::State& state) {
  const Bed bed(swallow);
  const UniqueFd client = bed.connect_through();
  const std::vector<char> block(1U << 20);
  for (auto _ : state) {
    for (std::size_t sent = 0; sent < block.size();) {
      const ssize_t size = write(client.get(), block.data() + sent, block.size() - sent);
      if (size <= 0) return state.SkipWithError("the connection ended");
      sent += static_cast<std::size_t>(size);
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(block.size()) * state.iterations());
}
BENCHMARK(bulk)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMicrosecond);

void small_round_trip(benchmark::State& state) {
  const Bed bed(echo);
  const UniqueFd client = bed.connect_through();
  for (auto _ : state) round_trip(state, client.get(), static_cast<std::size_t>(state.range(0)));
}
BENCHMARK(small_round_trip)
    ->Arg(64)
    ->Arg(1024)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

void connection_with_round_trip(benchmark::State& state) {
  const Bed bed(echo);
  for (auto _ : state) {
    const UniqueFd client = bed.connect_through();
    round_trip(state, client.get(), 64);
    // Reset, so that a long run does not fill the port range with TIME_WAIT.
    base::reset_on_close(client.get());
  }
}
BENCHMARK(connection_with_round_trip)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace fairlead::relay

BENCHMARK_MAIN();
