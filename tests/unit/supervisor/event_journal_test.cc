// What is recorded when one complete picture follows another.
#include "supervisor/daemon/event_journal.h"

#include <gtest/gtest.h>

namespace fairlead::daemon {
namespace {

const ContainerView kBox{"0123456789abcdef", "box", "docker", "/p", false};
const base::WallTime kNow{};

ForwardView active(std::uint16_t port, std::uint16_t host,
                   RelayKind relay = RelayKind::kNamespace) {
  ForwardView view;
  view.port.container_port = port;
  view.port.listening = true;
  view.port.relay = relay;
  view.host_port = host;
  return view;
}

ForwardView refused_at(std::uint16_t port, const std::string& reason) {
  ForwardView view;
  view.port.container_port = port;
  view.port.listening = true;
  view.port.refuse(Refusal::kIgnored, reason);
  return view;
}

class EventJournalTest : public ::testing::Test {
 protected:
  // The records of one step: "forwarding 3000>3001; …".
  std::string step(const std::vector<ForwardView>& forwards, const std::string& state = "running") {
    journal_.observe(kBox, state, forwards, kNow);
    const auto page = journal_.since(seen_);
    seen_ = page.next;
    std::string text;
    for (const auto& event : page.events) {
      if (!text.empty()) text += "; ";
      text += event.at("type").get<std::string>();
      if (!event.contains("containerPort")) {
        text += " " + event.at("state").get<std::string>();
        continue;
      }
      text += " " + event.at("containerPort").dump();
      if (!event.at("hostPort").is_null()) text += ">" + event.at("hostPort").dump();
    }
    return text;
  }
  EventJournal journal_;
  std::uint64_t seen_ = 0;
};

TEST_F(EventJournalTest, TellsOfComingAndGoing) {
  EXPECT_EQ(step({}), "engine running");
  EXPECT_EQ(step({active(3000, 3001)}), "forwarding 3000>3001");
  EXPECT_EQ(step({active(3000, 3001)}), "") << "nothing has changed";
  EXPECT_EQ(step({active(3000, 3001), active(4000, 4000)}), "forwarding 4000>4000");
  EXPECT_EQ(step({active(4000, 4000)}), "withdrawn 3000>3001");
  EXPECT_EQ(step({}, "dormant"), "engine dormant; withdrawn 4000>4000");
}

TEST_F(EventJournalTest, TellsOnceWhyAPortIsNotForwarded) {
  step({});
  EXPECT_EQ(step({refused_at(3000, "ignored")}), "not-forwarding 3000");
  EXPECT_EQ(step({refused_at(3000, "ignored")}), "");
  EXPECT_EQ(step({refused_at(3000, "another reason")}), "not-forwarding 3000");
  EXPECT_EQ(step({}), "") << "it was not forwarded, so nothing is withdrawn";
}

TEST_F(EventJournalTest, TellsOfAForwardThatIsRefusedFromNowOn) {
  step({active(3000, 3000)});
  EXPECT_EQ(step({refused_at(3000, "ignored")}), "withdrawn 3000>3000; not-forwarding 3000");
  EXPECT_EQ(step({active(3000, 3000)}), "forwarding 3000>3000");
}

TEST_F(EventJournalTest, TellsOfAnotherRelayOrHostPortOrState) {
  step({active(3000, 3000)});
  EXPECT_EQ(step({active(3000, 3000, RelayKind::kDirect)}), "relay-changed 3000>3000");
  EXPECT_EQ(step({active(3000, 3007, RelayKind::kDirect)}),
            "withdrawn 3000>3000; forwarding 3000>3007");
  auto waiting = active(3000, 3007, RelayKind::kDirect);
  waiting.port.listening = false;
  waiting.port.declared = true;
  EXPECT_EQ(step({waiting}), "forwarding 3000>3007");
}

TEST_F(EventJournalTest, KeepsTheLastThousandAndNumbersAll) {
  for (int i = 0; i < 700; ++i) {
    journal_.observe(kBox, "running", {active(3000, 3000)}, kNow);
    journal_.observe(kBox, "running", {}, kNow);
  }
  const auto all = journal_.since(0);
  EXPECT_EQ(all.events.size(), EventJournal::kMostKept);
  EXPECT_EQ(all.next, 1401U);
  EXPECT_EQ(journal_.since(1400).events.size(), 1U);
  EXPECT_TRUE(journal_.since(1401).events.empty());
  EXPECT_TRUE(journal_.since(~std::uint64_t{0}).events.empty());
}

}  // namespace
}  // namespace fairlead::daemon
