// A channel whose agent is killed, whose bytes are cut off or mixed with others, at many points: no
// stream that is short ends in an orderly way. SPEC.md "Mux".
#include "tests/integration/mux_traffic.h"

namespace fairlead::testing {
namespace {

using base::UniqueFd;

constexpr int kPoints = 50;
constexpr int kStreams = 3;
constexpr std::size_t kMostStreamBytes = 120'000;  // bytes of a stream in one direction

class MuxBreak : public ::testing::Test {
 protected:
  void SetUp() override { std::signal(SIGPIPE, SIG_IGN); }

  // Anywhere, and as often near the beginning.
  static Between::Point point(std::mt19937_64& random) {
    Between::Point result;
    result.from_agent = random() % 3 != 0;
    result.after = random() % (kStreams * kMostStreamBytes);
    if (random() % 2 == 0) result.after >>= random() % 18;
    return result;
  }

  // Streams in both directions until they have ended. Whether the channel was lost.
  void run(std::uint64_t seed, const std::function<Between::Point(std::mt19937_64&, Agent&)>& how,
           bool bytes_may_be_others = false) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    Told told;
    Traffic traffic(seed);
    FdPair ours = socket_pair();
    FdPair theirs = socket_pair();
    Agent agent(theirs.other.get(), theirs.other.get());
    theirs.other.reset();
    UniqueFd from(dup(theirs.one.get()));
    const Between between(std::move(ours.other), std::move(theirs.one), std::move(from), seed,
                          how(random, agent));
    auto channel = Channel::create(std::move(ours.one), nullptr, "", kNonce, told.handlers());
    ASSERT_TRUE(channel);
    for (int i = 0; i < kStreams; ++i) {
      traffic.open(**channel, kMostStreamBytes / 2 + random() % (kMostStreamBytes / 2),
                   kMostStreamBytes / 2 + random() % (kMostStreamBytes / 2));
    }
    EXPECT_TRUE(traffic.run([&] { return told.lost > 0 || traffic.all_over(); }));
    // A point that was never reached breaks nothing.
    const bool lost = told.lost > 0 || !traffic.complete();
    if (lost) {
      ++broken_;
      EXPECT_TRUE(eventually([&] { return told.lost > 0; }));
      EXPECT_FALSE(told.why().empty());
    }
    // What was asked for too late is refused now.
    channel->reset();
    EXPECT_TRUE(traffic.run_to_the_end());
    EXPECT_LE(told.lost, 1);
    traffic.expect_no_false_end();
    if (!bytes_may_be_others) traffic.expect_no_other_bytes();
    EXPECT_TRUE(agent.ends());
  }

  int broken_ = 0;  // channels that were lost
};

TEST_F(MuxBreak, NoStreamIsTakenForAWholeOneWhenTheAgentIsKilled) {
  for (std::uint64_t seed = 1; seed <= kPoints; ++seed) {
    run(seed, [](std::mt19937_64& random, Agent& agent) {
      Between::Point result = point(random);
      result.act = [&agent] { agent.kill(); };
      return result;
    });
  }
  EXPECT_GT(broken_, kPoints / 2);
}

TEST_F(MuxBreak, NoStreamIsTakenForAWholeOneWhenTheBytesEnd) {
  for (std::uint64_t seed = 1; seed <= kPoints; ++seed) {
    run(1000 + seed, [](std::mt19937_64& random, Agent&) {
      Between::Point result = point(random);
      result.cut = true;
      return result;
    });
  }
  EXPECT_GT(broken_, kPoints / 2);
}

TEST_F(MuxBreak, NoStreamIsTakenForAWholeOneWhenThereIsGarbageBetweenTheBytes) {
  for (std::uint64_t seed = 1; seed <= kPoints; ++seed) {
    run(
        2000 + seed,
        [](std::mt19937_64& random, Agent&) {
          Between::Point result = point(random);
          ByteStream garbage(random());
          result.garbage = garbage.take(1 + random() % 100);
          return result;
        },
        /*bytes_may_be_others=*/true);
  }
  EXPECT_GT(broken_, kPoints / 2);
}

}  // namespace
}  // namespace fairlead::testing
