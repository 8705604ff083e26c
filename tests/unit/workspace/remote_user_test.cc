// Who runs commands, and in which environment.
#include "supervisor/workspace/remote_user.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "tests/unit/supervisor/fake_engine.h"

namespace fairlead::workspace {
namespace {

using engine::Variables;
using Words = std::vector<std::string>;

// Answers the probe; what is between the marks is up to the test.
class Shell : public FakeEngine {
 public:
  std::string environment = "PATH=/usr/bin\nA=shell\n";
  std::optional<base::Error> failure;
  int asked = 0;
  engine::ExecRequest last;

  base::Result<base::CommandOutput> exec_collect(const engine::ExecRequest& request,
                                                 std::chrono::seconds, std::size_t) override {
    ++asked;
    last = request;
    if (failure) return *failure;
    const std::string mark = request.argv.at(4);
    std::string out = mark + "/home/dev" + mark + "/bin/sh" + mark;
    if (request.argv.size() > 6) out += mark + environment + mark;
    return base::CommandOutput{0, out, ""};
  }
};

struct RemoteUserCase {
  Shell engine;
  config::DevcontainerConfig config;
  target::Target container;
  RemoteOptions options;
  std::string folder = "/workspaces/w";

  RemoteUserCase() {
    container.id = "c0ffee";
    container.environment = {"PATH=/opt/bin:/usr/bin", "B=container"};
  }
  RemoteUser user() { return {engine, config, container, folder, options}; }
};

std::string value_of(const engine::ExecRequest& request, const std::string& name) {
  for (const auto& [known, value] : request.environment) {
    if (known == name) return value;
  }
  return "(none)";
}

TEST(RemoteUser, IsTheConfigurationsElseTheContainersElseRoot) {
  RemoteUserCase c;
  EXPECT_EQ(c.user().name(), "root");
  c.container.user = "node:staff";
  EXPECT_EQ(c.user().name(), "node");
  EXPECT_EQ(c.user().plain_command({"id"}).user, "node:staff");
  c.config.remote_user = "dev";
  EXPECT_EQ(c.user().name(), "dev");
  c.config.remote_user = "0";
  EXPECT_EQ(c.user().name(), "root");
}

TEST(RemoteUser, RunsCommandsInTheFolderAndTheShellsEnvironment) {
  RemoteUserCase c;
  const engine::ExecRequest request = c.user().command({"make", "it"});
  EXPECT_EQ(request.container_id, "c0ffee");
  EXPECT_EQ(request.working_directory, "/workspaces/w");
  EXPECT_EQ(request.argv, (Words{"make", "it"}));
  EXPECT_EQ(value_of(request, "A"), "shell");
  EXPECT_EQ(value_of(request, "PATH"), "/opt/bin:/usr/bin");
}

TEST(RemoteUser, AsksTheShellOnce) {
  RemoteUserCase c;
  RemoteUser user = c.user();
  (void)user.plain_command({"id"});
  EXPECT_EQ(c.engine.asked, 0);
  (void)user.command({"a"});
  (void)user.command({"b"});
  EXPECT_EQ(c.engine.asked, 1);
}

TEST(RemoteUser, RunsInTheHomeWithoutAFolder) {
  RemoteUserCase c;
  c.folder.clear();
  c.config.user_env_probe = "none";
  EXPECT_EQ(c.user().command({"a"}).working_directory, "/home/dev");
}

TEST(RemoteUser, PutsTheFlagsOverTheShellAndTheConfigurationOverBoth) {
  RemoteUserCase c;
  c.config.remote_env = {{"A", "config"}, {"C", "config"}};
  c.options.environment = {{"C", "flag"}, {"D", "flag"}};
  const auto request = c.user().command({"a"});
  EXPECT_EQ(value_of(request, "A"), "config");
  EXPECT_EQ(value_of(request, "C"), "config");
  EXPECT_EQ(value_of(request, "D"), "flag");
}

TEST(RemoteUser, UnsetsWhatTheConfigurationWantsUnset) {
  RemoteUserCase c;
  c.config.remote_env = {{"A", std::nullopt}, {"B", std::nullopt}, {"x; y", std::nullopt}};
  const auto request = c.user().command({"make"});
  EXPECT_EQ(value_of(request, "A"), "(none)");
  ASSERT_EQ(request.argv.size(), 8U);
  EXPECT_EQ((Words{request.argv.begin() + 3, request.argv.end()}),
            (Words{"sh", "2", "A", "B", "make"}));
}

TEST(RemoteUser, TakesTheConfigurationsProbeBeforeTheDefault) {
  RemoteUserCase c;
  c.options.default_probe = "none";
  EXPECT_EQ(value_of(c.user().command({"a"}), "A"), "(none)");
  EXPECT_EQ(c.engine.asked, 0);
  c.config.user_env_probe = "loginShell";
  EXPECT_EQ(value_of(c.user().command({"a"}), "A"), "shell");
  EXPECT_EQ(c.engine.last.argv.at(6), "-lc");
}

TEST(RemoteUser, GoesOnWithoutAShellThatDoesNotAnswer) {
  RemoteUserCase c;
  c.config.remote_env = {{"A", "config"}};
  c.engine.failure = base::errno_error(ETIMEDOUT, "exec");
  RemoteUser user = c.user();
  EXPECT_EQ(value_of(user.command({"a"}), "A"), "config");
  EXPECT_NE(user.take_complaint().find("10 s"), std::string::npos);
  EXPECT_EQ(user.take_complaint(), "");
}

TEST(VariableIn, FindsTheLastOfThatVeryName) {
  EXPECT_EQ(variable_in({"A=1", "AB=2", "A=3=4", "A"}, "A"), "3=4");
  EXPECT_EQ(variable_in({"AB=2", "A"}, "A"), std::nullopt);
  EXPECT_EQ(variable_in({"A="}, "A"), "");
}

}  // namespace
}  // namespace fairlead::workspace
