// The story of a port, word for word where it matters.
#include "supervisor/cli/why_story.h"

#include <gtest/gtest.h>

#include "supervisor/daemon/port_story.h"

namespace fairlead::cli {
namespace {

using daemon::ForwardingRules;
using daemon::ForwardView;

struct Scene {
  daemon::ContainerView container{"0123456789abcdef", "box", "docker", "/home/me/p", false};
  ForwardingRules rules;
  std::vector<detect::Listener> listeners;
  std::vector<target::PublishedPort> published;
  std::vector<ForwardView> forwards;
  std::string state = "running";

  config::Json story(std::uint16_t port) const {
    auto json = daemon::port_story(port, {container, rules, listeners, published, forwards, 77});
    json["state"] = state;
    return json;
  }
  std::string told(std::uint16_t port, const HostPortHolder& holder = {}) const {
    std::string text;
    for (const std::string& line : tell_story(story(port), holder)) text += line + "\n";
    return text;
  }
};

Scene forwarded(std::uint16_t host_port) {
  Scene scene;
  scene.listeners = {{{base::IpAddress::loopback4(), 3000}, false, 0, 11},
                     {{base::IpAddress::any4(), 8080}, false, 0, 12}};
  ForwardView view;
  view.port.container_port = 3000;
  view.port.listening = true;
  view.port.address = base::IpAddress::loopback4();
  view.port.relay = daemon::RelayKind::kNamespace;
  view.port.relay_reason = "bound to loopback; namespace joined";
  view.host_port = host_port;
  view.has_v6 = true;
  view.process = "node server.js";
  view.process_id = 42;
  if (host_port != 3000) view.remap = registry::Remap::kInUse;
  scene.forwards = {view};
  return scene;
}

TEST(WhyStory, TellsWhereWhoHowAndWhatToDo) {
  Scene scene = forwarded(3000);
  scene.rules.attributes = *config::PortsAttributes::from_json(
      config::Json::parse(R"({"ports":{"3000":{"label":"web"}}})"));
  scene.rules.config_file = "/home/me/p/.devcontainer/devcontainer.json";
  EXPECT_EQ(scene.told(3000),
            "Port 3000 of container box (0123456789ab, docker), workspace /home/me/p\n"
            "  found       listening on 127.0.0.1, process 42 (node server.js)\n"
            "  attributes  {\"label\":\"web\"}, from portsAttributes \"3000\" in "
            "/home/me/p/.devcontainer/devcontainer.json\n"
            "  host port   3000, the container's own number\n"
            "  relay       namespace: bound to loopback; namespace joined\n"
            "  traffic     0 connections open, 0 in all, 0 failed; 0 bytes in, 0 bytes out\n"
            "  to do       nothing: use http://localhost:3000\n");
}

TEST(WhyStory, NamesWhoHoldsTheNumberThatWasWished) {
  const Scene scene = forwarded(3001);
  const std::string known = scene.told(3000, {true, 812, "nginx", ""});
  EXPECT_NE(known.find("3001; wished was 3000, held by process 812 (nginx)"), std::string::npos);
  EXPECT_NE(known.find("or end process 812 (nginx)"), std::string::npos);
  EXPECT_NE(scene.told(3000, {true, 0, "", ""}).find("held by a process of another user"),
            std::string::npos);
  EXPECT_NE(scene.told(3000, {true, 5, "fairlead", "other"}).find("the forward of container other"),
            std::string::npos);
  EXPECT_NE(scene.told(3000).find("was in use then and is free now"), std::string::npos);
}

TEST(WhyStory, SaysOfAPortWithoutListenersWhoElseListens) {
  const std::string told = forwarded(3000).told(9);
  EXPECT_NE(told.find("nobody listens on it; listening are 3000, 8080"), std::string::npos) << told;
  EXPECT_NE(told.find("forwarded   no: nobody listens on it, and it is not declared"),
            std::string::npos);
  EXPECT_NE(told.find("fairlead ports add 9"), std::string::npos);
  Scene asleep;
  asleep.state = "dormant";
  EXPECT_NE(asleep.told(9).find("the container is dormant"), std::string::npos);
  EXPECT_NE(asleep.told(9).find("start the container"), std::string::npos);
}

TEST(WhyStory, SaysWhatToDoForEachRefusal) {
  const std::pair<daemon::Refusal, const char*> cases[] = {
      {daemon::Refusal::kIgnored, "change onAutoForward"},
      {daemon::Refusal::kRemoved, "\"fairlead ports add 3000\""},
      {daemon::Refusal::kOverCap, "raise --max-auto-forwards"},
      {daemon::Refusal::kNoRelay, "install socat"},
      {daemon::Refusal::kNoHostPort, "free a host port"},
      {daemon::Refusal::kSharedNetwork, "other container"}};
  for (const auto& [refusal, words] : cases) {
    Scene scene = forwarded(3000);
    scene.forwards[0].host_port = 0;
    scene.forwards[0].port.refuse(refusal, "the reason");
    const std::string told = scene.told(3000);
    EXPECT_NE(told.find("forwarded   no: the reason"), std::string::npos) << told;
    EXPECT_NE(told.find(words), std::string::npos) << told;
  }
}

TEST(WhyStory, PrintsNothingHostile) {
  Scene scene = forwarded(3000);
  scene.container.container_name = "box\x1b[2J";
  scene.forwards[0].process = "x\ny\x07";
  const std::string told = scene.told(3000);
  EXPECT_EQ(told.find('\x1b'), std::string::npos);
  EXPECT_EQ(told.find('\x07'), std::string::npos);
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 7);
}

}  // namespace
}  // namespace fairlead::cli
