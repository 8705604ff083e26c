// Those who send to this host's loopback from outside, and as if from it: a neighbour container
// that is root in its network (CVE-2020-8558), or a machine on the same network. All the time,
// until they are destroyed. For programs that are in a network of their own.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/net.h"
#include "tests/netns/nat_network.h"

namespace fairlead::testing {

class Intruders {
 public:
  Intruders() {
    // One that listens on the loopback alone, and one that everybody may talk to.
    private_ = bound("127.0.0.1", SOCK_DGRAM);
    public_ = bound("0.0.0.0", SOCK_DGRAM);
    server_ = bound("127.0.0.1", SOCK_STREAM);
    listen(server_.get(), 64);
    count_ = static_cast<std::atomic<std::uint64_t>*>(
        mmap(nullptr, sizeof *count_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  }
  Intruders(const Intruders&) = delete;
  Intruders& operator=(const Intruders&) = delete;
  ~Intruders() {
    senders_.clear();
    munmap(count_, sizeof *count_);
  }

  // Makes the network `space` the intruder's, `gateway` being this host for it, and sends. In
  // 10.99.7.0 he is "a", elsewhere "b".
  void send_from(const Namespace& space, const std::string& gateway) {
    ASSERT_TRUE(run(in_network(
        space.pid(),
        "sh -c 'ip address del 127.0.0.1/8 dev lo; ip address add 127.0.0.5/32 dev eth0; "
        "cd /proc/sys/net/ipv4/conf; for i in all eth0; do echo 1 >$i/route_localnet; "
        "echo 0 >$i/rp_filter; done; ip route add 127.0.0.1/32 via " +
            gateway +
            " dev eth0 src $(ip -4 -o address show dev eth0 | sed -n "
            "\"s/.*inet \\(10[0-9.]*\\).*/\\1/p\")'")));
    const std::string network = "/proc/" + std::to_string(space.pid()) + "/ns/net";
    senders_.push_back(std::make_unique<Forked>([this, network, gateway] {
      const base::UniqueFd there(open(network.c_str(), O_RDONLY | O_CLOEXEC));
      if (setns(there.get(), CLONE_NEWNET) != 0) return 1;
      return send_on(gateway);
    }));
  }

  // What has come through since it was asked last, and from whom (his letter): "a: a datagram".
  std::set<std::string> got_in() {
    const std::uint64_t before = count_->load();
    EXPECT_TRUE(eventually([&] { return count_->load() > before + 50 * senders_.size(); }));
    std::set<std::string> what;
    char letter = 0;
    while (recv(private_.get(), &letter, 1, MSG_DONTWAIT) >= 0) {
      what.insert(std::string(1, letter) + kDatagram);
    }
    sockaddr_in source{};
    socklen_t length = sizeof source;
    while (recvfrom(public_.get(), &letter, 1, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&source),
                    &length) >= 0) {
      if (ntohl(source.sin_addr.s_addr) >> 24 == 127) what.insert(std::string(1, letter) + kMasked);
    }
    for (;;) {
      const base::UniqueFd taken(accept4(server_.get(), reinterpret_cast<sockaddr*>(&source),
                                         &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!taken) break;
      const auto subnet = (ntohl(source.sin_addr.s_addr) >> 8) & 0xff;
      what.insert(std::string(1, subnet == 7 ? 'a' : 'b') + kConnection);
    }
    return what;
  }
  static constexpr const char* kDatagram = ": a datagram";
  static constexpr const char* kMasked = ": a datagram as if from the loopback";
  static constexpr const char* kConnection = ": a connection";

  std::uint64_t sent() const { return count_->load(); }

 private:
  static base::UniqueFd bound(const char* address, int kind) {
    base::UniqueFd fd(socket(AF_INET, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const base::SocketAddress any = base::to_socket_address({*base::IpAddress::parse(address), 0});
    EXPECT_EQ(bind(fd.get(), any.get(), any.length), 0);
    return fd;
  }
  static void send_to(const base::UniqueFd& fd, char letter, const std::string& address,
                      std::uint16_t port) {
    const base::SocketAddress there =
        base::to_socket_address({*base::IpAddress::parse(address), port});
    sendto(fd.get(), &letter, 1, MSG_DONTWAIT, there.get(), there.length);
  }

  int send_on(const std::string& gateway) {
    const std::uint16_t wanted = base::local_endpoint(private_)->port;
    const std::uint16_t open_to_all = base::local_endpoint(public_)->port;
    const base::SocketAddress server = base::to_socket_address(*base::local_endpoint(server_));
    const base::UniqueFd plain(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const base::UniqueFd masked(bound("127.0.0.5", SOCK_DGRAM));
    const char letter = gateway.starts_with("10.99.7.") ? 'a' : 'b';
    for (;;) {
      send_to(plain, letter, "127.0.0.1", wanted);
      send_to(masked, letter, gateway, open_to_all);
      const base::UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      connect(client.get(), server.get(), server.length);
      count_->fetch_add(1);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  base::UniqueFd private_, public_, server_;
  std::atomic<std::uint64_t>* count_;
  std::vector<std::unique_ptr<Forked>> senders_;
};

}  // namespace fairlead::testing
