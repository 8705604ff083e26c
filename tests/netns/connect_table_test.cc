// Backend `connect` of relay `nat`: what it does otherwise than its fellow (kernel_table_test.cc).
#include <bpf/bpf.h>

#include "tests/netns/nat_network.h"

namespace fairlead::testing {
namespace {

using base::Endpoint;
using base::IpAddress;
using base::UniqueFd;

using ConnectTableTest = NatNetwork;

std::string peer_of(const UniqueFd& fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getpeername(fd.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return "nobody";
  return base::from_socket_address(storage)->to_string();
}

TEST_F(ConnectTableTest, TellsTheClientThatItsPeerIsTheOneItAskedFor) {
  const auto table = make_table(Backend::kConnect);
  ASSERT_TRUE(table);
  ASSERT_TRUE(table->set(key_, target_));
  const UniqueFd client = dial(key_.endpoint);
  ASSERT_TRUE(client);
  EXPECT_EQ(peer_of(client), key_.endpoint.to_string());
  EXPECT_EQ(base::local_endpoint(client)->address, kOurs) << "it does not come from the loopback";
  // Who dials the address itself has that one as its peer.
  EXPECT_EQ(peer_of(dial(target_)), target_.to_string());
}

TEST_F(ConnectTableTest, ASocketThatIsConnectedAnewHasItsNewPeersName) {
  const auto table = make_table(Backend::kConnect);
  ASSERT_TRUE(table);
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

TEST_F(ConnectTableTest, LeavesToTheListenerWhatItCannotSend) {
  const auto table = make_table(Backend::kConnect);
  ASSERT_TRUE(table);
  ASSERT_TRUE(table->set(key_, target_));
  const IpAddress loopback = IpAddress::loopback4();
  EXPECT_EQ(outcome(dial(key_.endpoint, &loopback)), "here") << "a source of the client's own";
  EXPECT_EQ(outcome(dial(key_.endpoint, nullptr, /*as_v6=*/true)), "here") << "an IPv6 socket";
  EXPECT_EQ(table->connections(key_), 0U);
}

// Whoever may load programs may also detach them.
TEST_F(ConnectTableTest, NoticesThatItWasDetached) {
  const auto table = make_table(Backend::kConnect);
  ASSERT_TRUE(table);
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

TEST_F(ConnectTableTest, LetsConnectionsGoOnWhenItGoes) {
  auto table = make_table(Backend::kConnect);
  ASSERT_TRUE(table);
  ASSERT_TRUE(table->set(key_, target_));
  const UniqueFd client = dial(key_.endpoint);
  const UniqueFd served(accept4(there_.descriptor.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(served);
  table.reset();
  ASSERT_EQ(send(client.get(), "on", 2, MSG_NOSIGNAL), 2);
  char buffer[2];
  EXPECT_EQ(recv(served.get(), buffer, 2, MSG_WAITALL), 2);
}

TEST_F(ConnectTableTest, EndsWhatItHasSentAndNothingElse) {
  const auto table = make_table(Backend::kConnect);
  ASSERT_TRUE(table);
  ASSERT_TRUE(table->set(key_, target_));
  const UniqueFd sent = dial(key_.endpoint);
  const UniqueFd direct = dial(target_);
  ASSERT_TRUE(sent && direct);
  table->end();
  char buffer[2];
  EXPECT_EQ(recv(sent.get(), buffer, 2, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, ECONNABORTED);
  EXPECT_EQ(recv(direct.get(), buffer, 2, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN) << "who dials the address itself knows what he does";
  EXPECT_EQ(table->connections(key_), 0U);
}

TEST_F(ConnectTableTest, SaysThatItIsFull) {
  const auto table = make_table(Backend::kConnect);
  ASSERT_TRUE(table);
  relay::KernelTable::Key key = key_;
  base::Result<void> last;
  std::uint32_t count = 0;
  while (last && count <= relay::ConnectTable::kMostEntries) {
    key.endpoint.port = static_cast<std::uint16_t>(++count);
    last = table->set(key, target_);
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code.value(), ENOSPC);
  EXPECT_EQ(count, relay::ConnectTable::kMostEntries + 1);
}

}  // namespace
}  // namespace fairlead::testing
