// nat_rates [--rounds N] [--seconds S] [--long S]: new connections a second (request, answer, the
// server closes) through each backend of relay `nat`, with 1 and with 10,000 ports in its table,
// against the container's own address, in interleaved rounds; then --long seconds beside
// another process that dials the same container port 100 times a second, each after a second of
// the address alone. Prints JSON. Root; all of
// it in networks of its own.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/net.h"
#include "detect/cgroups.h"
#include "relay/nat/connect_table.h"
#include "relay/nat/nft_table.h"

namespace {

using namespace fairlead;
using base::Endpoint;
using base::IpAddress;
using base::UniqueFd;
using Clock = std::chrono::steady_clock;

constexpr std::uint16_t kFirstPort = 8000;
constexpr int kWays = 5;  // each has a port of the container's own
constexpr int kMany = 10'000;
const IpAddress kContainer = *IpAddress::parse("10.99.9.2");
const Endpoint kHostPort{IpAddress::loopback4(), 40'000};

[[noreturn]] void fail(const std::string& words) {
  std::fprintf(stderr, "nat_rates: %s\n", words.c_str());
  std::exit(1);
}

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0) fail(command);
}

// One connection: false if it did not come about or said something else.
bool dial(const Endpoint& endpoint) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{5, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const base::SocketAddress address = base::to_socket_address(endpoint);
  if (connect(fd.get(), address.get(), address.length) != 0) return false;
  char byte = 'x';
  if (send(fd.get(), &byte, 1, MSG_NOSIGNAL) != 1) return false;
  if (recv(fd.get(), &byte, 1, 0) != 1) return false;
  return recv(fd.get(), &byte, 1, 0) == 0;
}

[[noreturn]] void serve(std::uint16_t port) {
  const auto listener = base::listen_tcp({IpAddress::v4(0), port}, 4096);
  if (!listener) fail(listener.error().message());
  fcntl(listener->get(), F_SETFL, 0);
  for (;;) {
    const UniqueFd one(accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
    char byte = 0;
    if (one && recv(one.get(), &byte, 1, 0) == 1) send(one.get(), &byte, 1, MSG_NOSIGNAL);
  }
}

template <class Body>
pid_t fork_for_good(Body body) {
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  body();
  _exit(0);
}

// A bridge, and a server behind it in a network of its own.
pid_t make_networks() {
  if (unshare(CLONE_NEWNET) != 0) fail("takes root (CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_BPF)");
  run("ip link set lo up && ip link add br9 type bridge && "
      "ip address add 10.99.9.1/24 dev br9 && ip link set br9 up");
  const auto [ready, told] = *base::make_pipe();
  const int tell = told.get();
  const pid_t server = fork_for_good([&] {
    if (unshare(CLONE_NEWNET) != 0 || write(tell, "x", 1) != 1) _exit(1);
    for (int i = 1; i < kWays; ++i) {
      fork_for_good([&] { serve(static_cast<std::uint16_t>(kFirstPort + i)); });
    }
    serve(kFirstPort);
  });
  fcntl(ready.get(), F_SETFL, 0);
  char byte = 0;
  if (read(ready.get(), &byte, 1) != 1) fail("no second network");
  const std::string pid = std::to_string(server);
  const std::string inside = " && nsenter -t " + pid + " -n ip ";
  run("ip link add veth9 type veth peer name eth0 netns " + pid +
      " && ip link set veth9 master br9 up" + inside + "link set lo up" + inside +
      "address add 10.99.9.2/24 dev eth0" + inside + "link set eth0 up");
  for (int i = 0; !dial({kContainer, kFirstPort + kWays - 1}); ++i) {
    if (i == 100) fail("the server does not answer");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return server;
}

using Table = std::unique_ptr<relay::KernelTable>;

struct Way {
  std::string name, backend;  // none: no relay
  int entries = 0;
  std::uint16_t port = 0;

  Endpoint target() const { return {kContainer, port}; }
  Endpoint endpoint() const { return backend.empty() ? target() : kHostPort; }
};

Table make_table(const Way& way) {
  Table table;
  if (way.backend.empty()) return table;
  if (way.backend == "connect") {
    auto made = relay::ConnectTable::create(detect::cgroup2_mount());
    if (!made) fail(made.error().message());
    table = std::move(*made);
  } else {
    auto made = relay::NftTable::create("br9");
    if (!made) fail(made.error().message());
    table = std::move(*made);
  }
  relay::KernelTable::Key key{kHostPort, relay::KernelTable::Protocol::kTcp};
  for (int i = 0; i < way.entries; ++i, ++key.endpoint.port) {
    if (const auto set = table->set(key, way.target()); !set) fail(set.error().message());
  }
  return table;
}

double rate(const Endpoint& endpoint, double seconds, std::uint64_t& failures) {
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration<double>(seconds);
  std::uint64_t count = 0;
  while (Clock::now() < end) {
    if (dial(endpoint)) {
      ++count;
    } else {
      ++failures;
    }
  }
  return static_cast<double>(count) / std::chrono::duration<double>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Seconds of it beside somebody who dials the container's port himself, each after a second of the
// address alone: the machine may be another one a moment later.
nlohmann::json beside(const Way& way, const Way& control, int seconds) {
  const Table table = make_table(way);
  std::uint64_t failures = 0;
  std::vector<double> rates, shares;
  for (int i = 0; i < seconds; ++i) {
    const double alone = rate(control.endpoint(), 1, failures);
    const pid_t other = fork_for_good([&] {
      for (;;) {
        dial(way.target());
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    });
    rates.push_back(rate(way.endpoint(), 1, failures));
    shares.push_back(rates.back() / alone);
    kill(other, SIGKILL);
    waitpid(other, nullptr, 0);
  }
  const auto third = static_cast<std::ptrdiff_t>(shares.size() / 3);
  return {{"rate", median(rates)},
          {"first_third", median({shares.begin(), shares.begin() + third})},
          {"last_third", median({shares.end() - third, shares.end()})},
          {"lowest", *std::min_element(shares.begin(), shares.end())},
          {"failed", failures}};
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, int> options{{"--rounds", 7}, {"--seconds", 1}, {"--long", 30}};
  for (int i = 1; i < argc; i += 2) {
    const auto option = options.find(argv[i]);
    if (option == options.end() || i + 1 == argc || std::atoi(argv[i + 1]) < 1) {
      std::fprintf(stderr, "usage: nat_rates [--rounds N] [--seconds S] [--long S]\n");
      return 2;
    }
    option->second = std::atoi(argv[i + 1]);
  }
  const pid_t server = make_networks();
  std::vector<Way> ways{{"address", "", 0},
                        {"connect, 1 port", "connect", 1},
                        {"connect, 10000 ports", "connect", kMany},
                        {"nft, 1 port", "nft", 1},
                        {"nft, 10000 ports", "nft", kMany}};
  for (int i = 0; i < kWays; ++i)
    ways[static_cast<std::size_t>(i)].port = static_cast<std::uint16_t>(kFirstPort + i);
  std::map<std::string, std::vector<double>> rates;
  nlohmann::json report;
  for (int round = 0; round < options["--rounds"]; ++round) {
    for (const Way& way : ways) {
      const Table table = make_table(way);
      std::uint64_t failures = 0;
      rates[way.name].push_back(rate(way.endpoint(), options["--seconds"], failures));
      if (failures > 0) fail(way.name + ": " + std::to_string(failures) + " without an answer");
    }
  }
  for (const Way& way : ways) report["new"][way.name] = median(rates[way.name]);
  for (const Way& way : ways) {
    if (way.entries == 1) report["beside"][way.name] = beside(way, ways[0], options["--long"]);
  }
  std::printf("%s\n", report.dump(2).c_str());
  kill(server, SIGKILL);
  return 0;
}
