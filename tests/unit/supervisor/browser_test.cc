// SPEC.md "Browser".
#include "supervisor/daemon/browser.h"

#include <gtest/gtest.h>

#include "supervisor/workspace/browser_choice.h"

namespace fairlead::daemon {
namespace {

using config::OnAutoForward;
using Urls = std::vector<std::string>;

ForwardView forward_with_wish(std::uint16_t port, OnAutoForward wish) {
  ForwardView view;
  view.port.container_port = port;
  view.port.listening = true;
  view.port.attributes.on_auto_forward = wish;
  view.host_port = port;
  view.has_v6 = true;
  return view;
}

TEST(BrowserWishes, OpensWhatIsToBeOpenedWhenItAppears) {
  BrowserWishes wishes;
  EXPECT_EQ(wishes.observe({}, {forward_with_wish(3000, OnAutoForward::kOpenBrowser),
                                forward_with_wish(3001, OnAutoForward::kNotify),
                                forward_with_wish(3002, OnAutoForward::kOpenPreview),
                                forward_with_wish(3003, OnAutoForward::kSilent)}),
            (Urls{"http://localhost:3000", "http://localhost:3002"}));
}

TEST(BrowserWishes, OpensAgainWhenItAppearsAgainUnlessOnceIsEnough) {
  BrowserWishes wishes;
  const std::vector<ForwardView> both = {forward_with_wish(3000, OnAutoForward::kOpenBrowser),
                                         forward_with_wish(3001, OnAutoForward::kOpenBrowserOnce)};
  EXPECT_EQ(wishes.observe({}, both).size(), 2U);
  EXPECT_TRUE(wishes.observe({}, both).empty());
  EXPECT_TRUE(wishes.observe({}, {}).empty());
  EXPECT_EQ(wishes.observe({}, both), Urls{"http://localhost:3000"});
}

TEST(BrowserWishes, WaitsUntilSomebodyListensAndAnswers) {
  BrowserWishes wishes;
  ForwardView view = forward_with_wish(3000, OnAutoForward::kOpenBrowserOnce);
  view.port.listening = false;
  EXPECT_TRUE(wishes.observe({}, {view}).empty());
  view.port.listening = true;
  ContainerView paused;
  paused.paused = true;
  EXPECT_TRUE(wishes.observe(paused, {view}).empty());
  view.host_port = 0;
  EXPECT_TRUE(wishes.observe({}, {view}).empty());
  view.host_port = 3001;
  EXPECT_EQ(wishes.observe({}, {view}), Urls{"http://localhost:3001"});
}

TEST(BrowserWishes, LeavesAloneWhatNoBrowserSpeaks) {
  BrowserWishes wishes;
  EXPECT_TRUE(wishes.observe({}, {forward_with_wish(5432, OnAutoForward::kOpenBrowser)}).empty());
}

}  // namespace
}  // namespace fairlead::daemon

namespace fairlead::workspace {
namespace {

using Words = std::vector<std::string>;
using Environment = std::map<std::string, std::string>;

Words chosen(const Environment& environment, bool terminal = true, bool has_opener = true) {
  BrowserFacts facts;
  facts.environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    if (found == environment.end()) return std::nullopt;
    return found->second;
  };
  facts.is_on_path = [&](const std::string& program) {
    return has_opener && program == "xdg-open";
  };
  facts.has_terminal = terminal;
  return choose_browser(facts);
}

TEST(BrowserChoice, OursBeatsTheUsersBeatsTheDesktops) {
  EXPECT_EQ(chosen({{"FAIRLEAD_BROWSER", "/opt/my browser"}, {"BROWSER", "firefox"}}),
            Words{"/opt/my browser"});
  EXPECT_EQ(chosen({{"BROWSER", "firefox"}, {"DISPLAY", ":0"}}), Words{"firefox"});
  EXPECT_EQ(chosen({{"DISPLAY", ":0"}}), Words{"xdg-open"});
  EXPECT_EQ(chosen({{"WAYLAND_DISPLAY", "wayland-0"}}), Words{"xdg-open"});
  EXPECT_EQ(chosen({{"DISPLAY", ":0"}}, true, false), Words{});
  EXPECT_EQ(chosen({}), Words{});
}

TEST(BrowserChoice, ReadsSeveralAndTheirArguments) {
  EXPECT_EQ(chosen({{"BROWSER", "firefox --new-tab %s:lynx"}}), (Words{"firefox", "--new-tab"}));
  EXPECT_EQ(chosen({{"BROWSER", "x-www-browser"}}), Words{"x-www-browser"});
  EXPECT_EQ(chosen({{"BROWSER", "odd --url=%s"}}), Words{});
}

TEST(BrowserChoice, NoneMeansNone) {
  EXPECT_EQ(chosen({{"FAIRLEAD_BROWSER", "none"}, {"BROWSER", "firefox"}, {"DISPLAY", ":0"}}),
            Words{});
  EXPECT_EQ(chosen({{"BROWSER", "none"}, {"DISPLAY", ":0"}}), Words{});
}

TEST(BrowserChoice, OpensNothingUnattendedUnlessAskedTo) {
  EXPECT_EQ(chosen({{"BROWSER", "firefox"}, {"DISPLAY", ":0"}}, false), Words{});
  EXPECT_EQ(chosen({{"BROWSER", "firefox"}, {"CI", "true"}}), Words{});
  EXPECT_EQ(chosen({{"FAIRLEAD_BROWSER", "open"}, {"CI", "true"}}, false), Words{"open"});
}

}  // namespace
}  // namespace fairlead::workspace
