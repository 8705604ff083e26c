// DiagSource against a scripted kernel: the test answers at the other end of a packet pair.
#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <cstring>

#include "base/net.h"
#include "detect/diag_source.h"
#include "tests/support/processes.h"

namespace fairlead::detect {
namespace {

using base::IpAddress;

struct Socket {
  base::Endpoint endpoint;
  bool as_v6 = false;
  std::uint8_t state = 10;
  std::uint32_t uid = 1000;
  std::uint32_t inode = 4711;
  std::string attributes;
};

std::string message(std::uint16_t type, std::uint32_t sequence, const void* body,
                    std::size_t size) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(size));
  header.nlmsg_type = type;
  header.nlmsg_seq = sequence;
  header.nlmsg_flags = NLM_F_MULTI;
  std::string text(NLMSG_SPACE(size), '\0');
  std::memcpy(text.data(), &header, sizeof header);
  std::memcpy(text.data() + NLMSG_HDRLEN, body, size);
  return text;
}

std::string row(std::uint32_t sequence, const Socket& socket) {
  inet_diag_msg body{};
  const bool v6 = socket.as_v6 || socket.endpoint.address.family() == base::Family::kIpv6;
  body.idiag_family = v6 ? AF_INET6 : AF_INET;
  body.idiag_state = socket.state;
  body.id.idiag_sport = htons(socket.endpoint.port);
  const auto& bytes = socket.endpoint.address.bytes();
  std::memcpy(body.id.idiag_src, bytes.data() + (v6 ? 0 : 12), v6 ? 16 : 4);
  body.idiag_uid = socket.uid;
  body.idiag_inode = socket.inode;
  std::string text(sizeof body, '\0');
  std::memcpy(text.data(), &body, sizeof body);
  text += socket.attributes;
  return message(TCPDIAG_GETSOCK, sequence, text.data(), text.size());
}

std::string done(std::uint32_t sequence, int error_number = 0) {
  return message(NLMSG_DONE, sequence, &error_number, sizeof error_number);
}

std::string refusal(std::uint32_t sequence, int error_number) {
  nlmsgerr body{};
  body.error = -error_number;
  return message(NLMSG_ERROR, sequence, &body, sizeof body);
}

std::string attribute(std::uint16_t type, std::string_view payload) {
  nlattr header{};
  header.nla_len = static_cast<std::uint16_t>(sizeof header + payload.size());
  header.nla_type = type;
  std::string text(sizeof header, '\0');
  std::memcpy(text.data(), &header, sizeof header);
  text += payload;
  text.resize(NLA_ALIGN(text.size()));
  return text;
}

class ScriptedKernel : public ::testing::Test {
 protected:
  void SetUp() override {
    answer({done(1)});
    auto source = DiagSource::create(*init_, std::move(pair_->first), {});
    ASSERT_TRUE(source) << source.error().message();
    source_ = std::move(*source);
  }
  // One packet for each part. The sequence number of the first scan after SetUp is 2.
  void answer(const std::vector<std::string>& packets) const {
    for (const std::string& packet : packets) {
      ASSERT_EQ(send(pair_->second.get(), packet.data(), packet.size(), 0),
                static_cast<ssize_t>(packet.size()));
    }
  }
  static Socket on(const char* address, std::uint16_t port) {
    Socket socket;
    socket.endpoint = {*IpAddress::parse(address), port};
    return socket;
  }
  std::vector<std::string> scan() const {
    std::vector<std::string> shown;
    const auto snapshot = source_->scan();
    if (!snapshot) return {"error: " + snapshot.error().message()};
    for (const Listener& listener : snapshot->listeners) {
      shown.push_back(listener.endpoint.to_string() + (listener.v6_only ? " v6only" : ""));
    }
    return shown;
  }
  using Shown = std::vector<std::string>;

  base::Result<target::InitProcess> init_ = target::InitProcess::open(getpid());
  base::Result<std::pair<base::UniqueFd, base::UniqueFd>> pair_ = base::make_packet_pair();
  std::unique_ptr<DiagSource> source_;
};

TEST_F(ScriptedKernel, IsAskedForTheListenersOfBothFamiliesAtOnce) {
  answer({done(2)});
  EXPECT_EQ(scan(), Shown{});
  struct {
    nlmsghdr header;
    inet_diag_req body;
  } request{};
  for (const unsigned sequence : {1U, 2U}) {
    ASSERT_EQ(recv(pair_->second.get(), &request, sizeof request, 0),
              static_cast<ssize_t>(sizeof request));
    EXPECT_EQ(request.header.nlmsg_type, TCPDIAG_GETSOCK);
    EXPECT_EQ(request.header.nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
    EXPECT_EQ(request.header.nlmsg_seq, sequence);
    EXPECT_EQ(request.body.idiag_family, AF_UNSPEC);
    EXPECT_EQ(request.body.idiag_states, 1U << 10);
  }
}

TEST_F(ScriptedKernel, MayAnswerInAnyNumberOfPackets) {
  const std::string one = row(2, on("127.0.0.1", 1));
  const std::string two = row(2, on("::1", 2));
  answer({one + two + done(2)});
  EXPECT_EQ(scan(), (Shown{"127.0.0.1:1", "[::1]:2"}));
  answer({row(3, on("127.0.0.1", 1)), row(3, on("::1", 2)), done(3)});
  EXPECT_EQ(scan(), (Shown{"127.0.0.1:1", "[::1]:2"}));
}

TEST_F(ScriptedKernel, GivesMappedAddressesTheirIpv4Form) {
  Socket mapped = on("127.0.0.1", 80);
  mapped.as_v6 = true;
  answer({row(2, mapped) + done(2)});
  EXPECT_EQ(scan(), Shown{"127.0.0.1:80"});
}

TEST_F(ScriptedKernel, TellsDualStackFromIpv6Only) {
  Socket dual = on("::", 1);
  dual.attributes = attribute(INET_DIAG_SKV6ONLY, std::string(1, '\0'));
  Socket only = on("::", 2);
  only.attributes = attribute(INET_DIAG_SHUTDOWN, "x") + attribute(INET_DIAG_SKV6ONLY, "\1");
  Socket untold = on("::", 3);
  answer({row(2, dual) + row(2, only) + row(2, untold) + done(2)});
  EXPECT_EQ(scan(), (Shown{"[::]:1", "[::]:2 v6only", "[::]:3"}));
}

TEST_F(ScriptedKernel, WithBrokenAttributesIsReadWithoutHarm) {
  std::string too_long = attribute(INET_DIAG_SKV6ONLY, "\1");
  too_long[0] = '\x7f';
  std::string too_short = attribute(INET_DIAG_SKV6ONLY, "\1");
  too_short[0] = 3;
  for (const std::string& attributes :
       {too_long, too_short, std::string(1, '\0'), std::string(3, '\xff'), std::string(4, '\0'),
        attribute(INET_DIAG_SKV6ONLY, ""), attribute(1, std::string(999, 'x'))}) {
    Socket socket = on("::", 80);
    socket.attributes = attributes;
    static std::uint32_t sequence = 1;
    ++sequence;
    answer({row(sequence, socket) + done(sequence)});
    EXPECT_EQ(scan(), Shown{"[::]:80"});
  }
}

TEST_F(ScriptedKernel, ShowsNothingThatDoesNotListen) {
  Socket closed = on("127.0.0.1", 80);
  closed.state = 1;
  const Socket unbound = on("127.0.0.1", 0);
  std::string foreign = row(2, on("127.0.0.1", 80));
  foreign[NLMSG_HDRLEN + offsetof(inet_diag_msg, idiag_family)] = AF_UNIX;
  const std::string cut = message(TCPDIAG_GETSOCK, 2, "short", 5);
  answer({row(2, closed) + row(2, unbound) + foreign + cut + done(2)});
  EXPECT_EQ(scan(), Shown{});
}

TEST_F(ScriptedKernel, ThatRefusesIsAnErrorAndNoPicture) {
  answer({refusal(2, EACCES)});
  const auto snapshot = source_->scan();
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error().code.value(), EACCES);
}

TEST_F(ScriptedKernel, ThatEndsItsListWithAnErrorGivesNoPicture) {
  // A dump that fails says so in the payload of its last message: with the module missing, it is
  // the first message, too.
  answer({done(2, -ENOENT)});
  const auto empty = source_->scan();
  ASSERT_FALSE(empty) << "failed and empty are conflated";
  EXPECT_EQ(empty.error().code.value(), ENOENT);
  answer({row(3, on("127.0.0.1", 80)), done(3, -ENOMEM)});
  EXPECT_FALSE(source_->scan()) << "half a picture";
}

TEST_F(ScriptedKernel, ThatHangsUpInTheMiddleGivesNoPicture) {
  answer({row(2, on("127.0.0.1", 80))});
  pair_->second.reset();
  EXPECT_FALSE(source_->scan());
}

TEST_F(ScriptedKernel, ThatFallsSilentInTheMiddleGivesNoPicture) {
  answer({row(2, on("127.0.0.1", 80))});
  const auto snapshot = source_->scan();
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error().code.value(), ETIMEDOUT);
  // Its belated answer is not taken for the next one's.
  answer({row(2, on("127.0.0.1", 81)) + done(2), row(3, on("127.0.0.1", 82)) + done(3)});
  EXPECT_EQ(scan(), Shown{"127.0.0.1:82"});
}

TEST_F(ScriptedKernel, WithMoreListenersThanTheBoundIsCutAndCounted) {
  // Forty-two packets: more than the queue takes, so the answer comes while it is being read.
  std::thread kernel([&] {
    unsigned port = 1;
    while (port <= kMaxListeners + 100) {
      std::string packet;
      for (int i = 0; i < 100 && port <= kMaxListeners + 100; ++i, ++port) {
        packet += row(2, on("127.0.0.1", static_cast<std::uint16_t>(port)));
      }
      if (port > kMaxListeners + 100) packet += done(2);
      while (send(pair_->second.get(), packet.data(), packet.size(), 0) < 0) {
        std::this_thread::yield();
      }
    }
  });
  const auto snapshot = source_->scan();
  kernel.join();
  ASSERT_TRUE(snapshot) << snapshot.error().message();
  EXPECT_EQ(snapshot->listeners.size(), kMaxListeners);
  EXPECT_EQ(snapshot->dropped, 100U);
}

TEST_F(ScriptedKernel, OfAContainerThatHasEndedGivesNoPicture) {
  testing::Forked container([] {
    for (;;) pause();
    return 0;
  });
  const auto init = target::InitProcess::open(container.pid());
  auto pair = base::make_packet_pair();
  ASSERT_TRUE(init);
  pair_ = std::move(pair);
  answer({done(1)});
  auto source = DiagSource::create(*init, std::move(pair_->first), {});
  ASSERT_TRUE(source);
  container.kill(SIGKILL);
  container.wait_for_end();
  answer({row(2, on("127.0.0.1", 80)) + done(2)});
  const auto snapshot = (*source)->scan();
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error().code.value(), ESRCH);
}

}  // namespace
}  // namespace fairlead::detect
