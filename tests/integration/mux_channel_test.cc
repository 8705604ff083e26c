// A channel and the real agent: directly, with bytes passed on in odd sizes, through small buffers
// and pipes. SPEC.md "Mux".
#include "target/mux/channel.h"

#include <sys/stat.h>

#include "tests/integration/mux_traffic.h"

namespace fairlead::testing {
namespace {

using base::UniqueFd;

struct Join {
  const char* name;
  bool between = false;  // bytes are passed on by a thread of the test
  int buffer = 0;        // of sockets
  int pipe = 0;          // the agent has pipes of this size
};

void PrintTo(const Join& join, std::ostream* out) { *out << join.name; }

class MuxChannel : public ::testing::TestWithParam<Join> {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);  // as the supervisor does
    const Join& join = GetParam();
    FdPair ours = socket_pair(join.buffer);
    if (!join.between) {
      agent_.emplace(ours.other.get(), ours.other.get());
    } else if (join.pipe == 0) {
      FdPair theirs = socket_pair(join.buffer);
      agent_.emplace(theirs.other.get(), theirs.other.get());
      UniqueFd from(dup(theirs.one.get()));
      between_.emplace(std::move(ours.other), std::move(theirs.one), std::move(from), 1,
                       Between::Point{});
    } else {
      auto to = base::make_pipe();
      auto from = base::make_pipe();
      ASSERT_TRUE(to && from);
      fcntl(to->second.get(), F_SETPIPE_SZ, join.pipe);
      fcntl(from->second.get(), F_SETPIPE_SZ, join.pipe);
      agent_.emplace(to->first.get(), from->second.get());
      between_.emplace(std::move(ours.other), std::move(to->second), std::move(from->first), 2,
                       Between::Point{});
    }
    auto channel = Channel::create(std::move(ours.one), nullptr, "", kNonce, told_.handlers());
    ASSERT_TRUE(channel) << channel.error().message();
    channel_ = std::move(*channel);
  }
  void TearDown() override {
    EXPECT_EQ(told_.lost, 0) << told_.why();
    channel_.reset();
    EXPECT_TRUE(agent_->ends()) << "it outlives its channel";
    EXPECT_EQ(told_.lost, 0) << "it was closed here";
  }

  // A stream that never reached a server.
  static void expect_broken(const UniqueFd& near, const target::StreamOutcome& outcome) {
    ASSERT_TRUE(readable(near.get()));
    char byte = 0;
    EXPECT_LE(recv(near.get(), &byte, 1, MSG_DONTWAIT), 0);
    EXPECT_TRUE(outcome.broken);
  }

  Told told_;
  std::optional<Between> between_;
  std::optional<Agent> agent_;
  std::unique_ptr<Channel> channel_;
};

INSTANTIATE_TEST_SUITE_P(, MuxChannel,
                         ::testing::Values(Join{"Direct"}, Join{"OddPieces", true},
                                           Join{"SmallBuffers", false, 4096},
                                           Join{"SmallPipes", true, 4096, 4096}),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(MuxChannel, CarriesStreamsSideBySideUnchangedAndToTheirEnds) {
  Traffic traffic(1);
  for (std::size_t i = 0; i < 8; ++i) traffic.open(*channel_, (i + 1) * 60'001, (8 - i) * 70'003);
  EXPECT_TRUE(traffic.run_to_the_end());
  traffic.expect_complete();
  EXPECT_EQ(told_.joined, 1);
}

TEST_P(MuxChannel, CarriesStreamsOfNoBytesAndOfOneDirection) {
  Traffic traffic(2);
  for (const auto& [there, back] : {std::pair{0, 0}, {0, 200'000}, {200'000, 0}, {1, 1}}) {
    traffic.open(*channel_, static_cast<std::size_t>(there), static_cast<std::size_t>(back));
  }
  EXPECT_TRUE(traffic.run_to_the_end());
  traffic.expect_complete();
}

TEST_P(MuxChannel, AReaderThatIsStalledHoldsUpNobody) {
  constexpr std::size_t kMuch = 3U << 20;
  Traffic traffic(3);
  auto& deaf_near = traffic.open(*channel_, 1000, kMuch);
  auto& deaf_server = traffic.open(*channel_, kMuch, 1000);
  deaf_near.near->reading = false;
  ASSERT_TRUE(traffic.run([&] { return deaf_near.server && deaf_server.server; }));
  deaf_server.server->reading = false;
  std::vector<Traffic::Stream*> others;
  for (int i = 0; i < 4; ++i) others.push_back(&traffic.open(*channel_, 150'000, 150'000));
  EXPECT_TRUE(traffic.run([&] {
    return std::all_of(others.begin(), others.end(), [](const Traffic::Stream* stream) {
      return stream->near->complete() && stream->server && stream->server->complete();
    });
  }));
  // Its own other direction goes on, too.
  EXPECT_TRUE(traffic.run([&] { return deaf_near.server->complete(); }));
  EXPECT_TRUE(traffic.run([&] { return deaf_server.near->complete(); }));
  EXPECT_EQ(deaf_near.near->heard(), 0U);
  deaf_near.near->reading = true;
  deaf_server.server->reading = true;
  EXPECT_TRUE(traffic.run_to_the_end());
  traffic.expect_complete();
}

TEST_P(MuxChannel, ADialThatIsRefusedBreaksItsStreamAlone) {
  base::Endpoint nobody;
  {
    const auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 1);
    nobody = *base::local_endpoint(*listener);
  }
  for (int i = 0; i < 20; ++i) {
    FdPair ends = socket_pair();
    const auto outcome = std::make_shared<target::StreamOutcome>();
    channel_->open(nobody, std::move(ends.other), outcome);
    expect_broken(ends.one, *outcome);
  }
  Traffic traffic(4);
  traffic.open(*channel_, 1000, 1000);
  EXPECT_TRUE(traffic.run_to_the_end());
  traffic.expect_complete();
}

TEST_P(MuxChannel, MoreStreamsThanThereMayBeAreBrokenAndNoOthers) {
  constexpr std::size_t kMost = 1024;
  base::raise_descriptor_limit();
  auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 2048);
  ASSERT_TRUE(listener);
  const base::Endpoint endpoint = *base::local_endpoint(*listener);
  std::vector<UniqueFd> near;
  std::vector<std::shared_ptr<target::StreamOutcome>> outcomes;
  for (std::size_t i = 0; i < kMost + 20; ++i) {
    FdPair ends = socket_pair();
    outcomes.push_back(std::make_shared<target::StreamOutcome>());
    channel_->open(endpoint, std::move(ends.other), outcomes.back());
    near.push_back(std::move(ends.one));
  }
  for (std::size_t i = kMost; i < near.size(); ++i) expect_broken(near[i], *outcomes[i]);
  for (std::size_t i = 0; i < kMost; ++i) ASSERT_FALSE(outcomes[i]->broken) << i;
}

TEST_P(MuxChannel, TellsWhoListensAndWhoTheyAre) {
  const auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 1);
  ASSERT_TRUE(listener);
  struct stat info {};
  fstat(listener->get(), &info);
  // Its port, as sock_diag says it.
  const std::uint16_t port = base::local_endpoint(*listener)->port;
  const std::string wanted{static_cast<char>(port >> 8), static_cast<char>(port & 0xff)};
  EXPECT_TRUE(eventually([&] {
    const auto answers = told_.listeners();
    return !answers.empty() && answers.back().find(wanted) != std::string::npos;
  }));
  channel_->ask_owners({info.st_ino, 4'000'000'000'000});
  channel_->ask_owners({});
  ASSERT_TRUE(eventually([&] { return told_.owners().size() == 2; }));
  const auto owners = told_.owners();
  ASSERT_EQ(owners[0].size(), 1U);
  EXPECT_EQ(owners[0].at(info.st_ino).pid, getpid());
  std::string own;
  std::getline(std::ifstream("/proc/self/cmdline"), own);
  EXPECT_EQ(owners[0].at(info.st_ino).command_line, own.substr(0, 1024));
  EXPECT_TRUE(owners[1].empty());
}

TEST_P(MuxChannel, AClosedChannelBreaksItsStreams) {
  Traffic traffic(5);
  for (int i = 0; i < 3; ++i) traffic.open(*channel_, 4U << 20, 4U << 20);
  ASSERT_TRUE(traffic.run([&] {
    return std::all_of(traffic.streams().begin(), traffic.streams().end(),
                       [](const Traffic::Stream& stream) { return stream.near->heard() > 1000; });
  }));
  channel_.reset();
  EXPECT_TRUE(traffic.run_to_the_end());
  traffic.expect_no_false_end();
  traffic.expect_no_other_bytes();
}

}  // namespace
}  // namespace fairlead::testing
