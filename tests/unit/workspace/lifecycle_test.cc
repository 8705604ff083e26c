// Which commands run, in which order, how often, and what a failure stops.
#include "supervisor/workspace/lifecycle.h"

#include <gtest/gtest.h>

#include <map>

#include "supervisor/workspace/command_words.h"
#include "tests/unit/supervisor/fake_engine.h"

namespace fairlead::workspace {
namespace {

using config::Command;
using config::LifecycleCommand;
using Words = std::vector<std::string>;

LifecycleCommand line(const std::string& text) { return {{{"", Command(text)}}}; }

// Notes what is run, and keeps the markers.
class Container : public FakeEngine {
 public:
  Words ran;
  std::map<std::string, int> statuses;  // by the last word of a command
  std::map<std::string, std::string> markers;
  bool has_home = true;
  std::vector<engine::ExecRequest> requests;

  std::vector<base::Result<int>> exec(const std::vector<engine::ExecRequest>& wanted) override {
    std::vector<base::Result<int>> results;
    for (const auto& request : wanted) {
      requests.push_back(request);
      ran.push_back(request.argv.back());
      results.emplace_back(statuses[request.argv.back()]);
    }
    return results;
  }
  base::Result<std::string> exec_output(const engine::ExecRequest& request) override {
    if (!has_home) return unused();
    const std::string name = request.argv.at(4);
    const std::string stamp = request.argv.at(5);
    if (markers[name] == stamp) return std::string("done\n");
    markers[name] = stamp;
    return std::string("run\n");
  }
};

struct LifecycleCase {
  Container engine;
  config::DevcontainerConfig config;
  target::Target container;
  LifecycleOptions options;
  Words said;

  LifecycleCase() {
    config.user_env_probe = "none";
    container.created_at = "created";
    container.started_at = "started";
    for (const char* name : {"onCreateCommand", "updateContentCommand", "postCreateCommand",
                             "postStartCommand", "postAttachCommand"}) {
      config.lifecycle[name] = {line(name)};
    }
  }
  std::string run() {
    engine.ran.clear();
    RemoteUser user(engine, config, container, "/w", {});
    const std::function<void(const std::string&)> say = [&](const std::string& text) {
      said.push_back(text);
    };
    const auto done = run_lifecycle({engine, config, container, user, options, say});
    return done ? "" : done.error().message();
  }
};

TEST(Lifecycle, RunsEverythingInOrder) {
  LifecycleCase c;
  EXPECT_EQ(c.run(), "");
  EXPECT_EQ(c.engine.ran, (Words{"onCreateCommand", "updateContentCommand", "postCreateCommand",
                                 "postStartCommand", "postAttachCommand"}));
}

TEST(Lifecycle, RunsEachCommandAsOftenAsItsNameSays) {
  LifecycleCase c;
  c.run();
  EXPECT_EQ(c.run(), "");
  EXPECT_EQ(c.engine.ran, (Words{"postAttachCommand"}));
  c.container.started_at = "again";
  c.run();
  EXPECT_EQ(c.engine.ran, (Words{"postStartCommand", "postAttachCommand"}));
}

TEST(Lifecycle, RunsCommandsEachTimeWhereNothingCanBeKept) {
  LifecycleCase c;
  c.engine.has_home = false;
  c.run();
  c.run();
  EXPECT_EQ(c.engine.ran.size(), 5U);
}

TEST(Lifecycle, RunsTheMetadatasCommandsBeforeTheConfigurations) {
  LifecycleCase c;
  c.config.lifecycle = {{"postCreateCommand", {line("image"), line("feature"), line("own")}}};
  c.run();
  EXPECT_EQ(c.engine.ran, (Words{"image", "feature", "own"}));
}

TEST(Lifecycle, StopsAtTheFirstFailureAndNamesIt) {
  LifecycleCase c;
  c.engine.statuses["updateContentCommand"] = 7;
  EXPECT_EQ(c.run(), "updateContentCommand failed with status 7");
  EXPECT_EQ(c.engine.ran, (Words{"onCreateCommand", "updateContentCommand"}));
}

TEST(Lifecycle, RunsTheMembersOfAnObjectSideBySideAndNamesTheOneThatFails) {
  LifecycleCase c;
  c.config.lifecycle = {
      {"postCreateCommand", {{{{"a", Command("x")}, {"b", Command(Words{"y", "z"})}}}}}};
  c.engine.statuses["z"] = 3;
  EXPECT_EQ(c.run(), "postCreateCommand.b failed with status 3");
  ASSERT_EQ(c.engine.requests.size(), 2U);
  EXPECT_EQ(c.engine.requests[0].output_prefix, "[a] ");
  EXPECT_EQ(c.engine.requests[1].argv, (Words{"y", "z"}));
}

TEST(Lifecycle, StopsAfterWhatIsWaitedForIfAskedTo) {
  struct {
    const char* wait_for;
    std::size_t count;
  } const cases[] = {{"initializeCommand", 0},    {"onCreateCommand", 1},   {"", 2},
                     {"updateContentCommand", 2}, {"postCreateCommand", 3}, {"postStartCommand", 4},
                     {"postAttachCommand", 5}};
  for (const auto& [wait_for, count] : cases) {
    LifecycleCase c;
    c.config.wait_for = wait_for;
    c.options.stop_after_wait_for = true;
    EXPECT_EQ(c.run(), "");
    EXPECT_EQ(c.engine.ran.size(), count) << wait_for;
  }
}

TEST(Lifecycle, LeavesOutPostAttachIfAskedTo) {
  LifecycleCase c;
  c.options.skip_post_attach = true;
  c.run();
  EXPECT_EQ(c.engine.ran.back(), "postStartCommand");
}

TEST(Lifecycle, InstallsDotfilesBetweenCreationAndStartAndOutlivesTheirFailure) {
  LifecycleCase c;
  c.options.dotfiles = {"me/dots", "setup.sh", "~/d"};
  c.engine.statuses["setup.sh"] = 1;
  EXPECT_EQ(c.run(), "");
  ASSERT_EQ(c.engine.ran.size(), 6U);
  EXPECT_EQ(c.engine.ran[3], "setup.sh");
  EXPECT_NE(c.said.at(3).find("dotfiles"), std::string::npos);
}

TEST(Lifecycle, GivesSecretsToCommandsApartFromTheirEnvironment) {
  LifecycleCase c;
  c.options.secrets = {{"TOKEN", "s3cret"}};
  c.run();
  for (const auto& request : c.engine.requests) {
    EXPECT_EQ(request.secrets, c.options.secrets);
    EXPECT_TRUE(request.environment.empty());
  }
}

TEST(CommandWords, GiveStringsToAShellAndArraysToNobody) {
  EXPECT_EQ(command_words(line("a && b"))[0].argv, (Words{"/bin/sh", "-c", "a && b"}));
  const auto argv = command_words({{{"", Command(Words{"a", "&&", "b"})}}});
  EXPECT_EQ(argv[0].argv, (Words{"a", "&&", "b"}));
}

TEST(CommandWords, LeaveEmptyOnesOut) {
  EXPECT_TRUE(command_words(line("")).empty());
  EXPECT_TRUE(command_words(line(" \n")).empty());
  EXPECT_TRUE(command_words({{{"", Command(Words{})}}}).empty());
}

TEST(DotfilesUrl, IsOfGitHubForAnOwnerAndAName) {
  EXPECT_EQ(dotfiles_url("me/dots"), "https://github.com/me/dots.git");
  for (const char* whole : {"https://a/b.git", "git@host:me/dots", "/srv/dots", "./d", "../d"}) {
    EXPECT_EQ(dotfiles_url(whole), whole);
  }
}

}  // namespace
}  // namespace fairlead::workspace
