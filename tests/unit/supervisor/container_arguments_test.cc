#include "supervisor/workspace/container_arguments.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace fairlead::workspace {
namespace {

using Words = std::vector<std::string>;

config::DevcontainerConfig image() {
  config::DevcontainerConfig config;
  config.image = "alpine:3";
  return config;
}

CreationPlan plan(const config::DevcontainerConfig& config) {
  return {config, {}, {"alpine:3", {}, ""}, {}, {}, false};
}

// Everything up to what keeps the container alive.
Words options(const CreationPlan& plan) {
  Words words = container_arguments(plan);
  const auto end = std::find(words.begin(), words.end(), "--entrypoint");
  return {words.begin(), end};
}

TEST(ContainerArguments, KeepTheContainerAliveByAShell) {
  const auto config = image();
  const Words words = container_arguments(plan(config));
  ASSERT_EQ(words.size(), 5U);
  EXPECT_EQ((Words{words.begin(), words.begin() + 4}),
            (Words{"--entrypoint", "/bin/sh", "alpine:3", "-c"}));
  EXPECT_NE(words[4].find("sleep"), std::string::npos);
  EXPECT_NE(words[4].find("trap"), std::string::npos);
  EXPECT_EQ(words[4].find("exec"), std::string::npos);
}

TEST(ContainerArguments, LeaveTheImagesCommandIfAskedTo) {
  auto config = image();
  config.override_command = false;
  CreationPlan with_command = plan(config);
  with_command.image.description.command = {"/serve"};
  EXPECT_EQ(container_arguments(with_command), (Words{"alpine:3"}));
}

TEST(ContainerArguments, KeepAnImageWithoutAnyCommandAliveEvenIfAskedToLeaveIt) {
  auto config = image();
  config.override_command = false;
  EXPECT_EQ(container_arguments(plan(config)).front(), "--entrypoint");
}

TEST(ContainerArguments, RunTheEntryPointsOfFeaturesBeforeAnythingElse) {
  auto config = image();
  config.entrypoints = {"/opt/a.sh", "/opt/b.sh &"};
  const Words words = container_arguments(plan(config));
  ASSERT_EQ(words.size(), 5U);
  const std::size_t a = words[4].find("\n/opt/a.sh\n");
  const std::size_t b = words[4].find("\n/opt/b.sh &\n");
  EXPECT_LT(a, b);
  EXPECT_LT(b, words[4].find("sleep"));
  EXPECT_EQ(words[4].find("exec"), std::string::npos);
}

TEST(ContainerArguments, RunEntryPointsAndThenTheImagesCommandIfAskedTo) {
  auto config = image();
  config.entrypoints = {"/opt/a.sh"};
  config.override_command = false;
  CreationPlan both = plan(config);
  both.image.description.entrypoint = {"/init", "--"};
  both.image.description.command = {"/serve", "all"};
  const Words words = container_arguments(both);
  ASSERT_EQ(words.size(), 10U);
  EXPECT_NE(words[4].find("exec \"$@\""), std::string::npos);
  EXPECT_EQ((Words{words.begin() + 5, words.end()}), (Words{"-", "/init", "--", "/serve", "all"}));
}

TEST(ContainerArguments, PublishNumbersOnLoopbackUnlessASupervisorForwardsThem) {
  auto config = image();
  config.app_ports = {3000, 4000};
  config.published_app_ports = {"8080:80", "0.0.0.0:9000:9000/udp"};
  CreationPlan published = plan(config);
  published.publish_app_ports = true;
  EXPECT_EQ(options(published),
            (Words{"--publish", "127.0.0.1:3000:3000", "--publish", "127.0.0.1:4000:4000",
                   "--publish", "8080:80", "--publish", "0.0.0.0:9000:9000/udp"}));
  EXPECT_EQ(options(plan(config)),
            (Words{"--publish", "8080:80", "--publish", "0.0.0.0:9000:9000/udp"}));
}

TEST(ContainerArguments, CarryEveryOptionOfTheConfiguration) {
  auto config = image();
  config.mounts = {"type=volume,source=v,target=/v"};
  config.container_env = {{"B", "2 3"}, {"A", "x=y"}};
  config.container_user = "node";
  config.init = true;
  config.privileged = true;
  config.cap_add = {"SYS_PTRACE"};
  config.security_opt = {"seccomp=unconfined"};
  config.run_args = {"--hostname", "box", "--rm"};
  CreationPlan all = plan(config);
  all.mount = {"type=bind,source=/w,target=/workspaces/w", "/workspaces/w"};
  all.mounts = {"type=bind,source=/x,target=/x"};
  all.labels = {{"k", "v"}, {"a", ""}};
  EXPECT_EQ(options(all), (Words{"--mount",
                                 "type=bind,source=/w,target=/workspaces/w",
                                 "--mount",
                                 "type=volume,source=v,target=/v",
                                 "--mount",
                                 "type=bind,source=/x,target=/x",
                                 "--label",
                                 "a=",
                                 "--label",
                                 "k=v",
                                 "--env",
                                 "B=2 3",
                                 "--env",
                                 "A=x=y",
                                 "--user",
                                 "node",
                                 "--init",
                                 "--privileged",
                                 "--cap-add",
                                 "SYS_PTRACE",
                                 "--security-opt",
                                 "seccomp=unconfined",
                                 "--hostname",
                                 "box",
                                 "--rm"}));
}

TEST(ContainerArguments, AreWordsWhateverIsInThem) {
  auto config = image();
  config.container_env = {{"X", "$(reboot); `x` \"'\n--privileged"}};
  EXPECT_EQ(options(plan(config)), (Words{"--env", "X=$(reboot); `x` \"'\n--privileged"}));
}

TEST(UserOfRunArgs, IsTheLastOneInWhateverForm) {
  EXPECT_EQ(user_of_run_args({}), "");
  EXPECT_EQ(user_of_run_args({"--rm", "-u", "a", "--user=b"}), "b");
  EXPECT_EQ(user_of_run_args({"-u=a", "--user", "b", "--init"}), "b");
  EXPECT_EQ(user_of_run_args({"--user"}), "");
}

}  // namespace
}  // namespace fairlead::workspace
