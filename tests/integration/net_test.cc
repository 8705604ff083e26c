#include "base/net.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/text_file.h"
#include "tests/support/processes.h"
#include "tests/support/temp_dir.h"

namespace fairlead::base {
namespace {

using testing::in_child;
using testing::readable;

bool close_on_exec(const UniqueFd& fd) { return (fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0; }
bool non_blocking(const UniqueFd& fd) { return (fcntl(fd.get(), F_GETFL) & O_NONBLOCK) != 0; }
int option(const UniqueFd& fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof value;
  getsockopt(fd.get(), level, name, &value, &length);
  return value;
}

// A plain blocking client.
UniqueFd dial(const Endpoint& endpoint) {
  const SocketAddress address = to_socket_address(endpoint);
  UniqueFd fd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(fd.get(), address.get(), address.length) != 0) fd.reset();
  return fd;
}

class LoopbackListener : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto listener = listen_tcp({*IpAddress::parse(GetParam()), 0}, 16);
    if (!listener) GTEST_SKIP() << listener.error().message();
    listener_ = std::move(*listener);
    endpoint_ = *local_endpoint(listener_);
  }
  UniqueFd listener_;
  Endpoint endpoint_;
};

TEST_P(LoopbackListener, TellsThePortThatTheKernelChose) {
  EXPECT_EQ(endpoint_.address, *IpAddress::parse(GetParam()));
  EXPECT_NE(endpoint_.port, 0);
}

TEST_P(LoopbackListener, AndWhatItAcceptsAreNonBlockingAndCloseOnExec) {
  EXPECT_TRUE(close_on_exec(listener_));
  EXPECT_TRUE(non_blocking(listener_));
  EXPECT_EQ(accept_connection(listener_.get()).error().code.value(), EAGAIN);
  const UniqueFd client = dial(endpoint_);
  ASSERT_TRUE(client);
  ASSERT_TRUE(readable(listener_.get()));
  const auto accepted = accept_connection(listener_.get());
  ASSERT_TRUE(accepted);
  EXPECT_TRUE(close_on_exec(*accepted));
  EXPECT_TRUE(non_blocking(*accepted));
  EXPECT_EQ(option(*accepted, IPPROTO_TCP, TCP_NODELAY), 1) << "inherited from the listener";
}

TEST_P(LoopbackListener, KeepsItsPortForItself) {
  const auto second = listen_tcp(endpoint_, 16);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code.value(), EADDRINUSE);
  EXPECT_NE(second.error().message().find(endpoint_.to_string()), std::string::npos)
      << second.error().message();
}

TEST_P(LoopbackListener, IsBoundAgainAtOnceAfterServingConnections) {
  const UniqueFd client = dial(endpoint_);
  ASSERT_TRUE(readable(listener_.get()));
  auto accepted = accept_connection(listener_.get());
  accepted->reset();  // closes first: this side goes through TIME_WAIT
  listener_.reset();
  EXPECT_TRUE(listen_tcp(endpoint_, 16));
}

INSTANTIATE_TEST_SUITE_P(Ipv4, LoopbackListener, ::testing::Values("127.0.0.1"));
INSTANTIATE_TEST_SUITE_P(Ipv6, LoopbackListener, ::testing::Values("::1"));

TEST(ListenTcp, AnIpv6ListenerLeavesIpv4Alone) {
  const auto six = listen_tcp({IpAddress::any6(), 0}, 16);
  if (!six) GTEST_SKIP() << six.error().message();
  EXPECT_EQ(option(*six, IPPROTO_IPV6, IPV6_V6ONLY), 1);
  const auto four = listen_tcp({IpAddress::any4(), local_endpoint(*six)->port}, 16);
  EXPECT_TRUE(four) << four.error().message();
}

TEST(ListenTcp, SaysThatAnAddressIsNotOfThisHost) {
  const auto listener = listen_tcp({*IpAddress::parse("192.0.2.1"), 0}, 16);
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code.value(), EADDRNOTAVAIL);
}

TEST(LocalEndpoint, OfAUnixSocketIsAnError) {
  const auto pair = make_packet_pair();
  EXPECT_FALSE(local_endpoint(pair->first));
}

TEST(ResetOnClose, ThePeerSeesAReset) {
  const auto listener = listen_tcp({IpAddress::loopback4(), 0}, 16);
  const UniqueFd client = dial(*local_endpoint(*listener));
  ASSERT_TRUE(readable(listener->get()));
  auto accepted = accept_connection(listener->get());
  reset_on_close(accepted->get());
  accepted->reset();
  char byte = 0;
  EXPECT_EQ(read(client.get(), &byte, 1), -1);
  EXPECT_EQ(errno, ECONNRESET);
}

TEST(MakePipe, IsCloseOnExec) {
  const auto pipe = make_pipe();
  ASSERT_TRUE(pipe);
  EXPECT_TRUE(close_on_exec(pipe->first));
  EXPECT_TRUE(close_on_exec(pipe->second));
}

class UnixSockets : public ::testing::Test {
 protected:
  PrivateDirectory create(const std::string& name) const {
    return PrivateDirectory::create(temp_.path_of(name)).value();
  }
  testing::TempDir temp_;
};

TEST_F(UnixSockets, ConnectWithinAPrivateDirectory) {
  const PrivateDirectory directory = create("d");
  const auto listener = listen_unix(directory, "socket");
  ASSERT_TRUE(listener) << listener.error().message();
  const auto client = connect_unix(directory, "socket");
  ASSERT_TRUE(client);
  const auto server = accept_connection(listener->get());
  ASSERT_TRUE(server);
  for (const UniqueFd* fd : {&*listener, &*client, &*server}) {
    EXPECT_TRUE(close_on_exec(*fd));
    EXPECT_TRUE(non_blocking(*fd));
  }
  ASSERT_TRUE(write_all(*client, "x", "client"));
  EXPECT_TRUE(readable(server->get()));
  EXPECT_TRUE(connect_unix(directory.path_of("socket")));
}

TEST_F(UnixSockets, MayLieBehindAPathThatNoAddressHolds) {
  std::string path = "d";
  while (path.size() < 400) path += "/" + std::string(100, 'x');
  const PrivateDirectory directory = create(path);
  const auto listener = listen_unix(directory, "socket");
  ASSERT_TRUE(listener) << listener.error().message();
  EXPECT_TRUE(connect_unix(directory, "socket"));
  struct stat info {};
  ASSERT_EQ(fstatat(directory.fd(), "socket", &info, 0), 0);
  EXPECT_TRUE(S_ISSOCK(info.st_mode));
  EXPECT_EQ(connect_unix(directory.path_of("socket")).error().code.value(), ENAMETOOLONG);
}

TEST_F(UnixSockets, HaveNamesOfBoundedLength) {
  const PrivateDirectory directory = create("d");
  const std::string name(200, 'x');
  EXPECT_EQ(listen_unix(directory, name).error().code.value(), ENAMETOOLONG);
  EXPECT_EQ(connect_unix(directory, name).error().code.value(), ENAMETOOLONG);
}

TEST_F(UnixSockets, AreForTheirOwnerAlone) {
  const mode_t before = umask(0);
  const PrivateDirectory directory = create("d");
  const auto listener = listen_unix(directory, "socket");
  umask(before);
  ASSERT_TRUE(listener);
  struct stat info {};
  ASSERT_EQ(fstatat(directory.fd(), "socket", &info, 0), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
}

TEST_F(UnixSockets, TakeThePlaceOfADeadOne) {
  const PrivateDirectory directory = create("d");
  { const auto dead = listen_unix(directory, "socket"); }
  EXPECT_EQ(connect_unix(directory, "socket").error().code.value(), ECONNREFUSED);
  const auto listener = listen_unix(directory, "socket");
  ASSERT_TRUE(listener);
  EXPECT_TRUE(connect_unix(directory, "socket"));
}

TEST_F(UnixSockets, TellThatNobodyIsThere) {
  const PrivateDirectory directory = create("d");
  EXPECT_EQ(connect_unix(directory, "socket").error().code.value(), ENOENT);
  EXPECT_EQ(connect_unix(temp_.path_of("nothing")).error().code.value(), ENOENT);
}

TEST_F(UnixSockets, KnowThePeersUser) {
  const PrivateDirectory directory = create("d");
  const auto listener = listen_unix(directory, "socket");
  const auto client = connect_unix(directory, "socket");
  const auto server = accept_connection(listener->get());
  EXPECT_EQ(*peer_user(server->get()), geteuid());
  EXPECT_EQ(*peer_user(client->get()), geteuid());
  EXPECT_FALSE(peer_user(-1));
}

TEST_F(UnixSockets, KnowThePeerThatIsAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "becoming another user takes root";
  const PrivateDirectory directory = create("d");
  const auto listener = listen_unix(directory, "socket");
  // The directory keeps others out, so this one comes with a descriptor made before.
  testing::Forked stranger([&] {
    if (seteuid(65534) != 0) return 1;
    if (connect_unix(directory, "socket")) return 2;  // kept out
    if (seteuid(0) != 0 || fchmod(directory.fd(), 0755) != 0) return 3;
    if (fchmodat(directory.fd(), "socket", 0666, 0) != 0 ||
        chmod(temp_.path().c_str(), 0755) != 0) {
      return 4;
    }
    if (setresuid(65534, 65534, 65534) != 0) return 5;
    const auto client = connect_unix(temp_.path_of("d/socket"));
    if (!client) return 6;
    char byte = 0;
    return readable(client->get()) && read(client->get(), &byte, 1) == 1 ? 0 : 7;
  });
  if (readable(listener->get())) {
    const auto server = accept_connection(listener->get());
    ASSERT_TRUE(server);
    EXPECT_EQ(*peer_user(server->get()), 65534U);
    EXPECT_TRUE(write_all(*server, "x", "stranger"));
  }
  EXPECT_EQ(stranger.wait(), 0);
}

TEST(RaiseDescriptorLimit, GoesUpToTheHardLimit) {
  const int status = in_child([] {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 64;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
    if (raise_descriptor_limit() != limit.rlim_max) return 2;
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur == limit.rlim_max ? 0 : 3;
  });
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace fairlead::base
