// Whoever speaks in the agent's place: a channel that is told nonsense is lost, with a word that
// says why, its streams are broken, and nothing grows without bound. SPEC.md "Mux".
#include "tests/integration/mux_traffic.h"

namespace fairlead::testing {
namespace {

using base::UniqueFd;
using target::mux::FrameType;

const base::Endpoint kSomewhere{base::IpAddress::loopback4(), 9};
constexpr std::size_t kWindow = target::mux::Session::kFirstWindow;
// What a channel may hold of what it was told, and of what it has to say; and something over.
constexpr std::size_t kMostHeld = 24U << 20;

std::string number(std::uint64_t value, std::size_t bytes) {
  std::string result;
  target::mux::append_number(result, value, bytes);
  return result;
}

std::string make(FrameType type, std::uint32_t stream, std::string_view payload = "",
                 std::uint8_t flags = 0) {
  return target::mux::frame(type, stream, payload, flags);
}

std::string hello(std::string_view nonce = kNonce) {
  return make(FrameType::kHello, 0, std::string(target::mux::kMark) + std::string(nonce));
}

std::string raw_header(std::uint8_t type, std::uint8_t unused, std::uint32_t length) {
  return number(type, 1) + number(0, 1) + number(unused, 2) + number(0, 4) + number(length, 4);
}

std::string owner(std::uint64_t inode) {
  return make(FrameType::kOwner, 0, number(inode, 8) + number(1, 4) + "sh");
}

// Bytes of memory that this process has in use.
std::size_t resident() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void expect_bounded(std::size_t before) {
#ifndef __SANITIZE_ADDRESS__  // which keeps what was freed
  EXPECT_LT(resident(), before + kMostHeld);
#else
  (void)before;
#endif
}

class MuxImpostor : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    begin();
  }
  void begin() {
    channel_.reset();
    told_.emplace();
    FdPair ends = socket_pair();
    impostor_ = std::move(ends.other);
    auto channel = Channel::create(std::move(ends.one), nullptr, "", kNonce, told_->handlers());
    ASSERT_TRUE(channel) << channel.error().message();
    channel_ = std::move(*channel);
  }

  // False: the channel is lost and takes no more.
  bool say(std::string_view bytes) {
    while (!bytes.empty() && told_->lost == 0) {
      pollfd entry{impostor_.get(), POLLOUT, 0};
      if (poll(&entry, 1, 10) == 0) continue;
      const ssize_t count =
          send(impostor_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN) return false;
      if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return bytes.empty();
  }
  // The same again and again, until so much has been said or nobody listens. How much it was.
  std::size_t flood(const std::string& bytes, std::size_t most) {
    std::string many;
    while (many.size() < (64U << 10)) many += bytes;
    std::size_t said = 0;
    while (said < most && say(many)) said += many.size();
    return said;
  }
  // Everything that the channel has said until now, and at least `least` bytes.
  std::string hear(std::size_t least) {
    std::string result;
    char buffer[64 << 10];
    while (result.size() < least && readable(impostor_.get())) {
      const ssize_t count = recv(impostor_.get(), buffer, sizeof buffer, 0);
      if (count <= 0) break;
      result.append(buffer, static_cast<std::size_t>(count));
    }
    return result;
  }

  struct Near {
    UniqueFd fd;
    std::shared_ptr<target::StreamOutcome> outcome = std::make_shared<target::StreamOutcome>();
  };
  Near open() {
    Near result;
    FdPair ends = socket_pair();
    result.fd = std::move(ends.one);
    channel_->open(kSomewhere, std::move(ends.other), result.outcome);
    return result;
  }
  // The channel has said so: until then its number is nobody's.
  Near open_and_wait() {
    Near result = open();
    const std::string wanted =
        make(FrameType::kOpen, ++opened_, target::mux::encode_endpoint(kSomewhere));
    std::string heard;
    while (heard.find(wanted) == std::string::npos) {
      const std::string more = hear(1);
      if (more.empty()) {
        ADD_FAILURE() << "no stream is opened";
        break;
      }
      heard += more;
    }
    return result;
  }
  // What came, up to its end; that is no orderly one.
  static std::string broken_after(const Near& near) {
    std::string result;
    char buffer[64 << 10];
    while (readable(near.fd.get())) {
      const ssize_t count = recv(near.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (count <= 0) {
        EXPECT_TRUE(near.outcome->broken);
        return result;
      }
      result.append(buffer, static_cast<std::size_t>(count));
    }
    ADD_FAILURE() << "the stream does not end";
    return result;
  }

  void expect_lost(const std::string& word, const std::string& what = "") {
    EXPECT_TRUE(eventually([this] { return told_->lost > 0; })) << what;
    EXPECT_NE(told_->why().find(word), std::string::npos) << what << ": " << told_->why();
    channel_.reset();
    EXPECT_EQ(told_->lost, 1) << what;
  }
  // A stream works from end to end: whatever was said before was harmless.
  void expect_alive() {
    const Near near = open_and_wait();
    say(make(FrameType::kOpened, opened_) + make(FrameType::kData, opened_, "alive"));
    ASSERT_TRUE(readable(near.fd.get()));
    char buffer[16];
    EXPECT_EQ(recv(near.fd.get(), buffer, sizeof buffer, 0), 5);
    EXPECT_FALSE(near.outcome->broken);
    EXPECT_EQ(told_->lost, 0) << told_->why();
  }

  std::optional<Told> told_;
  std::unique_ptr<Channel> channel_;
  UniqueFd impostor_;
  std::uint32_t opened_ = 0;  // of this channel's streams, the last
};

TEST_F(MuxImpostor, OneThatNeverSpeaksKeepsStreamsWaitingUntilTheChannelIsClosed) {
  const Near near = open_and_wait();
  EXPECT_EQ(told_->joined, 0);
  channel_.reset();
  EXPECT_EQ(broken_after(near), "");
  EXPECT_EQ(told_->lost, 0);
}

TEST_F(MuxImpostor, OneThatEndsAtOnceLosesTheChannel) {
  const Near near = open();
  impostor_.reset();
  expect_lost("closed");
  EXPECT_EQ(broken_after(near), "");
}

TEST_F(MuxImpostor, OneThatEndsWithoutReadingHasClosedTheChannelToo) {
  const Near near = open();
  ASSERT_TRUE(readable(impostor_.get()));
  impostor_.reset();  // what is unread makes it a reset
  expect_lost("closed");
  EXPECT_EQ(broken_after(near), "");
}

TEST_F(MuxImpostor, OneThatOnlyMakesNoiseLosesTheChannelAndIsQuoted) {
  const Near near = open();
  const std::string noise = "sh: 1: \033[31mfairlead-agent: not found\n";
  EXPECT_LT(flood(noise, 64U << 20), 2U << 20);
  expect_lost("fairlead-agent: not found");
  EXPECT_EQ(told_->why().find('\033'), std::string::npos);
  EXPECT_LT(told_->why().size(), 2000U);
  EXPECT_EQ(broken_after(near), "");
}

TEST_F(MuxImpostor, SomeNoiseBeforeTheFirstFrameIsSkipped) {
  say(std::string(60'000, 'x') + hello().substr(0, 20) + hello("ffffffffffffffffffffffffffffffff"));
  say(hello());
  EXPECT_TRUE(eventually([this] { return told_->joined == 1; }));
  expect_alive();
}

TEST_F(MuxImpostor, OneWithAnotherNonceIsNoise) {
  const std::string said = hello("ffffffffffffffffffffffffffffffff") +
                           make(FrameType::kListeners, 0, "picture", target::mux::kLast);
  EXPECT_LT(flood(said, 64U << 20), 2U << 20);
  expect_lost("no frames");
  EXPECT_EQ(told_->joined, 0);
  EXPECT_TRUE(told_->listeners().empty());
}

TEST_F(MuxImpostor, PingsWithoutEndAreHarmless) {
  const std::size_t before = resident();
  say(hello());
  const std::string ping = make(FrameType::kPing, 0);
  // Nobody reads the answers.
  EXPECT_GE(flood(ping, 16U << 20), 16U << 20);
  expect_bounded(before);
  expect_alive();
}

TEST_F(MuxImpostor, ListenersWithoutEndLoseTheChannel) {
  const std::size_t before = resident();
  say(hello());
  EXPECT_LT(flood(make(FrameType::kListeners, 0, std::string(32U << 10, 'l')), 64U << 20),
            4U << 20);
  expect_lost("makes no sense");
  expect_bounded(before);
}

TEST_F(MuxImpostor, BytesBeyondWhatWasGrantedLoseTheChannel) {
  const std::size_t before = resident();
  say(hello());
  const Near near = open_and_wait();
  say(make(FrameType::kOpened, 1));
  // The near end is not read: once its buffer is full nothing more is granted.
  EXPECT_LT(flood(make(FrameType::kData, 1, std::string(32U << 10, 'd')), 64U << 20), 8U << 20);
  expect_lost("more bytes than were granted");
  expect_bounded(before);
  EXPECT_GE(broken_after(near).size(), kWindow);
}

// It lives, by its pings, and reads nothing: what is said to it is bounded.
TEST_F(MuxImpostor, OneThatReadsNothingStopsTheWriter) {
  const std::size_t before = resident();
  say(hello());
  const Near near = open_and_wait();
  say(make(FrameType::kOpened, 1) + make(FrameType::kCredit, 1, number(UINT32_MAX, 4)));
  say(make(FrameType::kCredit, 1, number(UINT32_MAX, 4)));
  const std::string chunk(64U << 10, 'w');
  std::size_t taken = 0;
  pollfd entry{near.fd.get(), POLLOUT, 0};
  while (taken < (64U << 20) && poll(&entry, 1, 200) == 1) {
    const ssize_t count = send(near.fd.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (count > 0) taken += static_cast<std::size_t>(count);
  }
  EXPECT_LT(taken, 4U << 20);
  say(make(FrameType::kPing, 0));
  expect_bounded(before);
  EXPECT_EQ(told_->lost, 0);
}

// What is said about a stream that is open; each breaks a rule.
TEST_F(MuxImpostor, EachBrokenRuleLosesTheChannelAndBreaksItsStream) {
  const std::string data = make(FrameType::kData, 1, "ten bytes.");
  const std::string finish = make(FrameType::kFinish, 1, number(10, 8));
  const struct {
    const char* what;
    std::string said;
    const char* word;
    std::string heard = {};
  } cases[] = {
      {"a total that is too high", data + make(FrameType::kFinish, 1, number(11, 8)),
       "bytes missing", "ten bytes."},
      {"a total that is too low", data + make(FrameType::kFinish, 1, number(9, 8)), "bytes missing",
       "ten bytes."},
      {"a total of the wrong size", make(FrameType::kFinish, 1, number(0, 4)), "end"},
      {"bytes of a stream that was never opened", make(FrameType::kData, 99, "x"), "never opened"},
      {"the end of the very last stream", make(FrameType::kFinish, UINT32_MAX, number(0, 8)),
       "never opened"},
      {"an opening", make(FrameType::kOpen, 2, target::mux::encode_endpoint(kSomewhere)),
       "opening"},
      {"a second hello", hello(), "no sense"},
      {"a pong with something in it", make(FrameType::kPong, 0, "x"), "no sense"},
      {"owners nobody asked for", owner(1), "no sense"},
      {"an end of owners nobody asked for", make(FrameType::kOwner, 0, "", target::mux::kLast),
       "no sense"},
      {"a question", make(FrameType::kAskOwners, 0, number(1, 8)), "no sense"},
      {"bytes of no stream", make(FrameType::kData, 0, "x"), "no sense"},
      {"a picture of a stream", make(FrameType::kListeners, 1, "x", target::mux::kLast),
       "message of the connection"},
      {"a failure without a number", make(FrameType::kListeners, 0, "x", target::mux::kFailed),
       "no sense"},
      {"a credit of the wrong size", make(FrameType::kCredit, 1, "x"), "credit"},
      {"a reset of the wrong size", make(FrameType::kReset, 1, ""), "reset"},
      {"a refusal of the wrong size", make(FrameType::kRefused, 1, ""), "answer"},
      {"a success with something in it", make(FrameType::kOpened, 1, "x"), "answer"},
      {"no type", raw_header(0, 0, 0), "no frames"},
      {"a type that there is not", raw_header(target::mux::kHighestType + 1, 0, 0), "no frames"},
      {"something where nothing belongs", raw_header(9, 1, 0), "no frames"},
      {"a payload that is too long", raw_header(5, 0, (32U << 10) + 1), "no frames"},
      {"the longest payload", raw_header(5, 0, UINT32_MAX), "no frames"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.what);
    begin();
    opened_ = 0;
    say(hello());
    const Near near = open_and_wait();
    say(make(FrameType::kOpened, 1));
    say(one.said);
    expect_lost(one.word, one.what);
    EXPECT_EQ(broken_after(near), one.heard);
  }
  // After an orderly end, which counts; the stream is open in the other direction.
  for (const std::string& late : {finish, data}) {
    begin();
    opened_ = 0;
    say(hello());
    const Near near = open_and_wait();
    say(make(FrameType::kOpened, 1) + data + finish + late);
    expect_lost("end");
  }
}

TEST_F(MuxImpostor, OwnersThatWereNotAskedForInThatNumberLoseTheChannel) {
  say(hello());
  channel_->ask_owners({1, 2});
  hear(target::mux::kHeaderSize + 16);
  say(owner(1) + make(FrameType::kOwner, 0, "", target::mux::kLast));
  ASSERT_TRUE(eventually([this] { return told_->owners().size() == 1; }));
  EXPECT_EQ(told_->owners()[0].at(1).command_line, "sh");
  channel_->ask_owners({3});
  hear(target::mux::kHeaderSize + 8);
  std::string many;
  for (std::uint64_t i = 0; i <= Channel::kMostAsked; ++i) many += owner(i);
  say(many);
  expect_lost("makes no sense");
}

TEST_F(MuxImpostor, AnOwnersCommandLineIsCut) {
  say(hello());
  channel_->ask_owners({1});
  hear(target::mux::kHeaderSize + 8);
  say(make(FrameType::kOwner, 0, number(1, 8) + number(7, 4) + std::string(30'000, 'c'),
           target::mux::kLast));
  ASSERT_TRUE(eventually([this] { return told_->owners().size() == 1; }));
  EXPECT_LE(told_->owners()[0].at(1).command_line.size(), 4096U);
  expect_alive();
}

TEST_F(MuxImpostor, ARefusalOrResetBreaksItsStreamAlone) {
  say(hello());
  for (const FrameType type : {FrameType::kRefused, FrameType::kReset}) {
    // No error at all, and one that there is not: neither is a success.
    for (const std::uint32_t error : {111U, 0U, UINT32_MAX}) {
      const Near near = open_and_wait();
      say(make(FrameType::kData, opened_, "tail") + make(type, opened_, number(error, 4)));
      EXPECT_EQ(broken_after(near), "tail");
      // What was under way for it is nobody's, and harmless.
      say(make(FrameType::kData, opened_, "late") +
          make(FrameType::kFinish, opened_, number(8, 8)) +
          make(FrameType::kCredit, opened_, number(5, 4)));
    }
  }
  expect_alive();
}

TEST_F(MuxImpostor, PicturesThatFailAreToldAndDoNotMixWithOthers) {
  say(hello());
  say(make(FrameType::kListeners, 0, "half a") +
      make(FrameType::kListeners, 0, number(1, 4), target::mux::kFailed) +
      make(FrameType::kListeners, 0, "who") +
      make(FrameType::kListeners, 0, "le", target::mux::kLast) +
      make(FrameType::kListeners, 0, "", target::mux::kLast));
  ASSERT_TRUE(eventually([this] { return told_->listeners().size() == 3; }));
  EXPECT_NE(told_->listeners()[0].find("failed"), std::string::npos);
  EXPECT_EQ(told_->listeners()[1], "whole");
  EXPECT_EQ(told_->listeners()[2], "");
  expect_alive();
}

}  // namespace
}  // namespace fairlead::testing
