#include "supervisor/daemon/reconciler.h"

#include <gtest/gtest.h>

namespace fairlead::daemon {
namespace {

using Targets = std::vector<base::Endpoint>;
using Active = std::map<PortKey, ActiveForward>;

Targets loopback(std::uint16_t port) { return {{base::IpAddress::loopback4(), port}}; }

DesiredPort wanted(std::uint16_t port, std::uint16_t wished_host = 0) {
  DesiredPort result;
  result.container_port = port;
  result.wished_host = wished_host;
  result.targets = loopback(port);
  return result;
}
DesiredPort unwanted(std::uint16_t port) {
  DesiredPort result = wanted(port);
  result.refuse(Refusal::kIgnored, "why");
  return result;
}
Wish wish(std::vector<DesiredPort> ports) { return {std::move(ports), 0}; }

// "stop 1 2; start 3; reroute 4"
std::string shown(const Plan& plan) {
  std::string text;
  for (const PortKey& key : plan.stop) text += "stop " + to_string(key) + " ";
  for (const DesiredPort& port : plan.start) {
    text += "start " + std::to_string(port.container_port) + " ";
  }
  for (const DesiredPort& port : plan.reroute) {
    text += "reroute " + std::to_string(port.container_port) + " ";
  }
  return text;
}

TEST(Reconciler, DoesNothingIfAllIsAsWished) {
  EXPECT_EQ(shown(plan({}, {})), "");
  EXPECT_EQ(shown(plan(wish({wanted(1), wanted(2, 20)}),
                       {{1, {0, loopback(1)}}, {2, {20, loopback(2)}}})),
            "");
}

TEST(Reconciler, StartsWhatIsMissing) {
  EXPECT_EQ(shown(plan(wish({wanted(1), wanted(2)}), {{1, {0, loopback(1)}}})), "start 2 ");
}

TEST(Reconciler, StopsWhatIsWishedNoLonger) {
  EXPECT_EQ(shown(plan(wish({wanted(1)}), {{1, {0, loopback(1)}}, {2, {0, loopback(2)}}})),
            "stop 2 ");
}

TEST(Reconciler, StopsEverythingForAnEmptyPicture) {
  EXPECT_EQ(shown(plan({}, {{1, {0, loopback(1)}}, {2, {0, loopback(2)}}})), "stop 1 stop 2 ");
}

TEST(Reconciler, TakesWhatIsNotToBeForwardedAsNotWished) {
  EXPECT_EQ(shown(plan(wish({unwanted(1)}), {{1, {0, loopback(1)}}})), "stop 1 ");
  EXPECT_EQ(shown(plan(wish({unwanted(1)}), {})), "");
}

TEST(Reconciler, RetargetsWhatListensElsewhereNow) {
  const Plan result = plan(wish({wanted(1)}), {{1, {0, loopback(9)}}});
  EXPECT_EQ(shown(result), "reroute 1 ");
  EXPECT_EQ(result.reroute[0].targets, loopback(1));
}

TEST(Reconciler, RetargetsWhenOnlyTheOrderHasChanged) {
  DesiredPort port = wanted(1);
  const base::Endpoint v4{base::IpAddress::loopback4(), 1};
  const base::Endpoint v6{base::IpAddress::loopback6(), 1};
  port.targets = {v6, v4};
  EXPECT_EQ(shown(plan(wish({port}), {{1, {0, {v4, v6}}}})), "reroute 1 ");
}

TEST(Reconciler, StopsAndStartsWhatIsToHaveAnotherHostPort) {
  for (const auto& [before, after] :
       {std::pair<std::uint16_t, std::uint16_t>{0, 80}, {80, 0}, {80, 81}}) {
    const Plan result = plan(wish({wanted(1, after)}), {{1, {before, loopback(9)}}});
    EXPECT_EQ(shown(result), "stop 1 start 1 ");
    EXPECT_EQ(result.start[0].wished_host, after);
  }
}

TEST(Reconciler, TellsPortsOfOtherHostsApart) {
  DesiredPort other = wanted(1);
  other.service = "db";
  EXPECT_EQ(shown(plan(wish({wanted(1), other}), {{1, {0, loopback(1)}}})), "start 1 ");
  EXPECT_EQ(shown(plan(wish({wanted(1)}), {{1, {0, loopback(1)}}, {{1, "db"}, {0, loopback(1)}}})),
            "stop db:1 ");
}

TEST(Reconciler, LeavesAloneWhatIsUndecided) {
  DesiredPort port = wanted(1, 80);
  port.undecided = true;
  EXPECT_EQ(shown(plan(wish({port}), {{1, {0, loopback(9)}}})), "");
  EXPECT_EQ(shown(plan(wish({port}), {})), "");
}

TEST(Reconciler, MovesAPortThatHasAnotherNumberThanItNowMustOrMayHave) {
  DesiredPort exact = wanted(3000);
  exact.attributes.require_local_port = true;
  EXPECT_EQ(shown(plan(wish({exact}), {{3000, {0, loopback(3000), {}, 3001}}})),
            "stop 3000 start 3000 ");
  EXPECT_EQ(shown(plan(wish({exact}), {{3000, {0, loopback(3000), {}, 3000}}})), "");
  DesiredPort elevated = wanted(80);
  elevated.attributes.elevate_if_needed = true;
  EXPECT_EQ(shown(plan(wish({elevated}), {{80, {0, loopback(80), {}, 1024}}})),
            "stop 80 start 80 ");
  // It was asked for already, and was not to be had.
  EXPECT_EQ(shown(plan(wish({elevated}), {{80, {0, loopback(80), {}, 1024, false, true}}})), "");
}

TEST(Reconciler, CarryingOutAPlanLeavesNothingToDo) {
  const Wish target = wish({wanted(1), wanted(2, 20), unwanted(3), wanted(4)});
  Active active{
      {2, {0, loopback(2)}}, {3, {0, loopback(3)}}, {4, {0, loopback(9)}}, {5, {0, loopback(5)}}};
  const Plan result = plan(target, active);
  for (const PortKey& key : result.stop) active.erase(key);
  for (const DesiredPort& port : result.start) {
    EXPECT_TRUE(
        active.emplace(port.container_port, ActiveForward{port.wished_host, port.targets}).second)
        << "started twice";
  }
  for (const DesiredPort& port : result.reroute) {
    active.at(port.container_port).targets = port.targets;
  }
  EXPECT_EQ(shown(plan(target, active)), "");
}

}  // namespace
}  // namespace fairlead::daemon
