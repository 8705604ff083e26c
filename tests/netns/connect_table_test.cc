// Backend `connect` of relay `nat`, in a network of this program's own: packets go to a container's
// stand-in over a veth. Takes root.
#include "relay/nat/connect_table.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "base/net.h"
#include "base/text_file.h"
#include "detect/cpu_counter.h"
#include "relay/nat/local_route.h"
#include "tests/support/namespace.h"
#include "tests/support/processes.h"

namespace fairlead::testing {
namespace {

using base::Endpoint;
using base::IpAddress;
using base::UniqueFd;
using relay::ConnectTable;
using relay::KernelTable;

const IpAddress kOurs = *IpAddress::parse("10.99.7.1");
const IpAddress kContainers = *IpAddress::parse("10.99.7.2");

// A network of this process' own, once: everything below happens in there.
std::string leave_the_hosts_network() {
  if (unshare(CLONE_NEWNET) != 0) return "unshare: " + base::errno_error("").message();
  const UniqueFd probe(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq loopback{};
  loopback.ifr_name[0] = 'l';
  loopback.ifr_name[1] = 'o';
  loopback.ifr_flags = IFF_UP;
  return ioctl(probe.get(), SIOCSIFFLAGS, &loopback) == 0 ? "" : "no loopback";
}

std::string root_cgroup() {
  const auto mounts = base::read_text_file("/proc/self/mountinfo", 1U << 20);
  return mounts ? detect::cgroup_mount(*mounts, "").value_or("") : "";
}

bool run(const std::string& command) { return std::system(command.c_str()) == 0; }

// Waits for nobody: connecting to this machine's own addresses is over in the call.
UniqueFd dial(const Endpoint& endpoint, const IpAddress* from = nullptr, bool as_v6 = false) {
  UniqueFd fd(socket(as_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (from != nullptr) {
    const base::SocketAddress own = base::to_socket_address({*from, 0});
    EXPECT_EQ(bind(fd.get(), own.get(), own.length), 0);
  }
  const base::SocketAddress address = base::to_socket_address(endpoint, as_v6);
  if (connect(fd.get(), address.get(), address.length) != 0) fd.reset();
  return fd;
}

std::string peer_of(const UniqueFd& fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getpeername(fd.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return "nobody";
  return base::from_socket_address(storage)->to_string();
}

class ConnectTableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    static const std::string trouble = leave_the_hosts_network();
    if (!trouble.empty()) FAIRLEAD_SKIP("netns", trouble);
    auto space = Namespace::create(Namespace::Users::kOurs);
    if (!space) FAIRLEAD_SKIP("netns", space.error().message());
    space_.emplace(std::move(*space));
    const std::string pid = std::to_string(space_->pid());
    const std::string in_there = "nsenter -t " + pid + " -n ip ";
    ASSERT_TRUE(run("ip link add veth7 type veth peer name eth0 netns " + pid +
                    " && ip address add 10.99.7.1/24 dev veth7 && ip link set veth7 up && " +
                    in_there + "address add 10.99.7.2/24 dev eth0 && " + in_there +
                    "link set eth0 up"));
    here_ = listen_here();
    there_ = listen_there("0.0.0.0");
    key_.endpoint = *base::local_endpoint(here_);
    target_ = {kContainers, there_.endpoint.port};
  }

  // The kernel takes its time to do that with the network of a process that has ended.
  void TearDown() override { run("ip link delete veth7"); }

  static UniqueFd listen_here() {
    auto listener = base::listen_tcp({IpAddress::loopback4(), 0}, 64);
    EXPECT_TRUE(listener);
    return std::move(*listener);
  }
  RemoteListener listen_there(const char* address) {
    ListenOptions how;
    how.hand_over = true;
    how.keep_own = false;
    auto listener = space_->listen({*IpAddress::parse(address), 0}, how);
    EXPECT_TRUE(listener);
    ::listen(listener->descriptor.get(), 64);
    return std::move(*listener);
  }
  std::unique_ptr<ConnectTable> make_table() {
    auto table = ConnectTable::create(root_cgroup());
    if (!table) {
      ADD_FAILURE() << table.error().message();
      return nullptr;
    }
    return std::move(*table);
  }

  // Where a connection to our own loopback has come out.
  std::string outcome(const UniqueFd& client) {
    if (!client) return "refused";
    pollfd ends[] = {{here_.get(), POLLIN, 0}, {there_.descriptor.get(), POLLIN, 0}};
    if (poll(ends, 2, kPatienceMs) < 1) return "nowhere";
    const bool is_here = ends[0].revents != 0;
    const UniqueFd taken(
        accept4(is_here ? here_.get() : there_.descriptor.get(), nullptr, nullptr, SOCK_CLOEXEC));
    return is_here ? "here" : "there";
  }
  std::string outcome() { return outcome(dial(key_.endpoint)); }

  std::optional<Namespace> space_;
  UniqueFd here_;         // what holds the host port
  RemoteListener there_;  // the container's server
  KernelTable::Key key_;
  Endpoint target_;
};

TEST_F(ConnectTableTest, SendsNewConnectionsThereUntilItIsTakenBack) {
  const auto table = make_table();
  ASSERT_TRUE(table);
  EXPECT_EQ(outcome(), "here");
  ASSERT_TRUE(table->set(key_, target_));
  EXPECT_EQ(outcome(), "there");
  EXPECT_EQ(outcome(), "there");
  EXPECT_EQ(table->connections(key_), 2U);
  table->remove(key_);
  EXPECT_EQ(outcome(), "here");
  EXPECT_EQ(table->connections(key_), 0U);
  table->remove(key_);
  EXPECT_TRUE(table->check());
}

TEST_F(ConnectTableTest, TellsTheClientThatItsPeerIsTheOneItAskedFor) {
  const auto table = make_table();
  ASSERT_TRUE(table->set(key_, target_));
  const UniqueFd client = dial(key_.endpoint);
  ASSERT_TRUE(client);
  EXPECT_EQ(peer_of(client), key_.endpoint.to_string());
  EXPECT_EQ(base::local_endpoint(client)->address, kOurs) << "it does not come from the loopback";
  // Who dials the address itself has that one as its peer.
  EXPECT_EQ(peer_of(dial(target_)), target_.to_string());
}

TEST_F(ConnectTableTest, ASocketThatIsConnectedAnewHasItsNewPeersName) {
  const auto table = make_table();
  ASSERT_TRUE(table->set(key_, target_));
  const UniqueFd client = dial(key_.endpoint);
  ASSERT_TRUE(client);
  const sockaddr nobody{};  // AF_UNSPEC: dissolves the connection
  ASSERT_EQ(connect(client.get(), &nobody, sizeof nobody), 0);
  const UniqueFd other = listen_here();
  const Endpoint elsewhere = *base::local_endpoint(other);
  const base::SocketAddress address = base::to_socket_address(elsewhere);
  ASSERT_EQ(connect(client.get(), address.get(), address.length), 0) << errno;
  EXPECT_EQ(peer_of(client), elsewhere.to_string());
}

TEST_F(ConnectTableTest, LeavesOthersAlone) {
  const auto table = make_table();
  ASSERT_TRUE(table->set(key_, target_));
  const IpAddress loopback = IpAddress::loopback4();
  EXPECT_EQ(outcome(dial(key_.endpoint, &loopback)), "here") << "a source of the client's own";
  EXPECT_EQ(outcome(dial(key_.endpoint, nullptr, /*as_v6=*/true)), "here") << "an IPv6 socket";
  const Endpoint second{*IpAddress::parse("127.0.0.2"), key_.endpoint.port};
  EXPECT_EQ(outcome(dial(second)), "refused") << "another address of the loopback";
  // Another network below the same control group: its loopback is its own.
  Forked stranger([&] {
    if (unshare(CLONE_NEWNET) != 0) return 1;
    return dial(key_.endpoint) ? 2 : 0;
  });
  EXPECT_EQ(stranger.wait(), 0);
  EXPECT_EQ(table->connections(key_), 0U);
}

TEST_F(ConnectTableTest, EverythingIsAsBeforeWhenItGoesWhichEverWay) {
  auto table = make_table();
  ASSERT_TRUE(table->set(key_, target_));
  UniqueFd client = dial(key_.endpoint);
  const UniqueFd served(accept4(there_.descriptor.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(served);
  table.reset();
  EXPECT_EQ(outcome(), "here");
  ASSERT_EQ(send(client.get(), "on", 2, MSG_NOSIGNAL), 2) << "what was there goes on";
  char buffer[2];
  EXPECT_EQ(recv(served.get(), buffer, 2, MSG_WAITALL), 2);

  UniqueFd ready, told;
  std::tie(ready, told) = *base::make_pipe();
  Forked holder([&] {
    const auto own = ConnectTable::create(root_cgroup());
    if (!own || !(*own)->set(key_, target_)) return 1;
    if (write(told.get(), "x", 1) != 1) return 1;
    pause();
    return 0;
  });
  ASSERT_TRUE(readable(ready.get()));
  EXPECT_EQ(outcome(), "there");
  kill(holder.pid(), SIGKILL);
  holder.wait();
  EXPECT_EQ(outcome(), "here");
}

// Whoever may load programs may also detach them.
TEST_F(ConnectTableTest, NoticesThatItWasDetached) {
  const auto table = make_table();
  ASSERT_TRUE(table->set(key_, target_));
  // Ours alone: others may have links, too.
  int detached = 0;
  for (int fd = 3; fd < 64; ++fd) {
    bpf_link_info info{};
    std::uint32_t length = sizeof info;
    if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0 || info.type != BPF_LINK_TYPE_CGROUP) {
      continue;
    }
    if (bpf_link_detach(fd) == 0) ++detached;
  }
  ASSERT_EQ(detached, 2);
  EXPECT_EQ(outcome(), "here");
  EXPECT_FALSE(table->check());
}

TEST_F(ConnectTableTest, SeveralAtOnceKeepToTheirOwn) {
  const auto one = make_table();
  auto two = make_table();
  ASSERT_TRUE(one->set(key_, target_));
  EXPECT_EQ(outcome(), "there");
  two.reset();
  EXPECT_EQ(outcome(), "there");
  EXPECT_TRUE(one->check());
}

TEST_F(ConnectTableTest, SaysThatItIsFull) {
  const auto table = make_table();
  KernelTable::Key key = key_;
  base::Result<void> last;
  std::uint32_t count = 0;
  while (last && count <= ConnectTable::kMostEntries) {
    key.endpoint.port = static_cast<std::uint16_t>(++count);
    last = table->set(key, target_);
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code.value(), ENOSPC);
  EXPECT_EQ(count, ConnectTable::kMostEntries + 1);
}

TEST_F(ConnectTableTest, TellsNeighboursFromTheRestOfTheWorld) {
  const auto interface = relay::local_interface(kContainers);
  ASSERT_TRUE(interface) << interface.error().message();
  EXPECT_EQ(*interface, "veth7");
  const auto nowhere = relay::local_interface(*IpAddress::parse("192.0.2.1"));
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code.value(), ENETUNREACH);
  ASSERT_TRUE(run("ip route add 192.0.2.0/24 via 10.99.7.2"));
  const auto beyond = relay::local_interface(*IpAddress::parse("192.0.2.1"));
  ASSERT_FALSE(beyond);
  EXPECT_NE(beyond.error().message().find("not next to this host"), std::string::npos);
  EXPECT_FALSE(relay::local_interface(kOurs)) << "this host itself";
}

}  // namespace
}  // namespace fairlead::testing
