// A network of this program's own for tests of relay `nat`: this host's side with a bridge, a
// container's stand-in behind it, and others who are not to reach what is not theirs. Takes root.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/net.h"
#include "base/text_file.h"
#include "detect/cgroups.h"
#include "relay/nat/connect_table.h"
#include "relay/nat/kernel_table.h"
#include "relay/nat/nft_table.h"
#include "tests/support/namespace.h"
#include "tests/support/processes.h"

namespace fairlead::testing {

inline const char* const kBridge = "br7";
inline const base::IpAddress kOurs = *base::IpAddress::parse("10.99.7.1");
inline const base::IpAddress kContainers = *base::IpAddress::parse("10.99.7.2");

enum class Backend : std::uint8_t { kConnect, kNft };

inline base::Result<std::unique_ptr<relay::KernelTable>> create_table(Backend backend) {
  if (backend == Backend::kNft) {
    auto table = relay::NftTable::create(kBridge);
    if (!table) return table.error();
    return std::unique_ptr<relay::KernelTable>(std::move(*table));
  }
  auto table = relay::ConnectTable::create(detect::cgroup2_mount());
  if (!table) return table.error();
  return std::unique_ptr<relay::KernelTable>(std::move(*table));
}

inline bool run(const std::string& command) { return std::system(command.c_str()) == 0; }

inline std::string route_localnet() {
  return *base::read_text_file("/proc/sys/net/ipv4/conf/br7/route_localnet", 16);
}
inline void set_route_localnet(bool on) {
  EXPECT_TRUE(
      run("echo " + std::string(on ? "1" : "0") + " >/proc/sys/net/ipv4/conf/br7/route_localnet"));
}

inline std::string output_of(const std::string& command) {
  std::string text;
  FILE* const pipe = popen(command.c_str(), "r");
  std::array<char, 4096> buffer;
  for (std::size_t count; (count = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    text.append(buffer.data(), count);
  }
  pclose(pipe);
  return text;
}

inline std::string in_network(std::int64_t pid, const std::string& command) {
  return "nsenter -t " + std::to_string(pid) + " -n " + command;
}

// Waits for nobody: connecting to this machine's own addresses is over in the call.
inline base::UniqueFd dial(const base::Endpoint& endpoint, const base::IpAddress* from = nullptr,
                           bool as_v6 = false) {
  base::UniqueFd fd(socket(as_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (from != nullptr) {
    const base::SocketAddress own = base::to_socket_address({*from, 0});
    EXPECT_EQ(bind(fd.get(), own.get(), own.length), 0);
  }
  const base::SocketAddress address = base::to_socket_address(endpoint, as_v6);
  if (connect(fd.get(), address.get(), address.length) != 0) fd.reset();
  return fd;
}

class NatNetwork : public ::testing::Test {
 protected:
  void SetUp() override {
    static const std::string trouble = leave_the_hosts_network();
    if (!trouble.empty()) FAIRLEAD_SKIP("netns", trouble);
    ASSERT_TRUE(
        run("ip link add br7 type bridge && ip address add 10.99.7.1/24 dev br7 && "
            "ip link set br7 up"));
    space_ = add_neighbour("veth7", "10.99.7.2");
    if (!space_) return;
    here_ = listen_here();
    there_ = listen_there("0.0.0.0");
    key_.endpoint = *base::local_endpoint(here_);
    target_ = {kContainers, there_.endpoint.port};
  }

  // The kernel takes its time to do that with the network of a process that has ended.
  void TearDown() override { run("ip link delete veth7; ip link delete br7"); }

  // One more container on the bridge.
  static std::unique_ptr<Namespace> add_neighbour(const std::string& port,
                                                  const std::string& address) {
    auto space = Namespace::create(Namespace::Users::kOurs);
    if (!space) {
      ADD_FAILURE() << space.error().message();
      return nullptr;
    }
    const std::string pid = std::to_string(space->pid());
    const auto there = [&](const std::string& words) {
      return " && " + in_network(space->pid(), "ip " + words);
    };
    EXPECT_TRUE(run("ip link add " + port + " type veth peer name eth0 netns " + pid +
                    " && ip link set " + port + " master br7 up" +
                    there("address add " + address + "/24 dev eth0") + there("link set eth0 up") +
                    there("route add default via 10.99.7.1")));
    return std::make_unique<Namespace>(std::move(*space));
  }

  static std::unique_ptr<relay::KernelTable> make_table(Backend backend) {
    auto table = create_table(backend);
    if (table) return std::move(*table);
    ADD_FAILURE() << table.error().message();
    return nullptr;
  }

  static base::UniqueFd listen_here() {
    auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 64);
    EXPECT_TRUE(listener);
    return std::move(*listener);
  }
  RemoteListener listen_there(const char* address) {
    ListenOptions how;
    how.hand_over = true;
    how.keep_own = false;
    auto listener = space_->listen({*base::IpAddress::parse(address), 0}, how);
    EXPECT_TRUE(listener);
    ::listen(listener->descriptor.get(), 64);
    return std::move(*listener);
  }

  // Where a connection to our own loopback has come out.
  std::string outcome(const base::UniqueFd& client) {
    if (!client) return "refused";
    pollfd ends[] = {{here_.get(), POLLIN, 0}, {there_.descriptor.get(), POLLIN, 0}};
    if (poll(ends, 2, kPatienceMs) < 1) return "nowhere";
    const bool is_here = ends[0].revents != 0;
    const base::UniqueFd taken(
        accept4(is_here ? here_.get() : there_.descriptor.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return is_here ? "here" : "there";
  }
  std::string outcome() { return outcome(dial(key_.endpoint)); }

  std::unique_ptr<Namespace> space_;
  base::UniqueFd here_;   // what holds the host port
  RemoteListener there_;  // the container's server
  relay::KernelTable::Key key_;
  base::Endpoint target_;

 private:
  // A network of this process' own, once: everything happens in there.
  static std::string leave_the_hosts_network() {
    if (unshare(CLONE_NEWNET) != 0) return base::errno_error("unshare").message();
    return run("ip link set lo up") ? "" : "no loopback";
  }
};

}  // namespace fairlead::testing
