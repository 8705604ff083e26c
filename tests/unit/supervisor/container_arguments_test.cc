#include "supervisor/workspace/container_arguments.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace fairlead::workspace {
namespace {

using Words = std::vector<std::string>;

config::DevcontainerConfig image() {
  config::DevcontainerConfig config;
  config.image = "alpine:3";
  config.raw = config::Json::parse(R"({"image":"alpine:3"})");
  return config;
}

// Everything up to what keeps the container alive.
Words options(const config::DevcontainerConfig& config, const WorkspaceMount& mount = {},
              const std::map<std::string, std::string>& labels = {}, bool publish = false) {
  Words words = container_arguments(config, mount, labels, publish);
  const auto end = std::find(words.begin(), words.end(), "--entrypoint");
  return {words.begin(), end};
}

const std::string kNoMetadata = "devcontainer.metadata=[]";

TEST(ContainerArguments, KeepTheContainerAliveByAShell) {
  const Words words = container_arguments(image(), {}, {}, false);
  ASSERT_EQ(words.size(), 7U);
  EXPECT_EQ((Words{words.begin(), words.begin() + 6}),
            (Words{"--label", kNoMetadata, "--entrypoint", "/bin/sh", "alpine:3", "-c"}));
  EXPECT_NE(words[6].find("sleep"), std::string::npos);
  EXPECT_NE(words[6].find("trap"), std::string::npos);
}

TEST(ContainerArguments, LeaveTheImagesCommandIfAskedTo) {
  config::DevcontainerConfig config = image();
  config.override_command = false;
  EXPECT_EQ(container_arguments(config, {}, {}, false),
            (Words{"--label", kNoMetadata, "alpine:3"}));
}

TEST(ContainerArguments, PublishNumbersOnLoopbackUnlessASupervisorForwardsThem) {
  config::DevcontainerConfig config = image();
  config.app_ports = {3000, 4000};
  config.published_app_ports = {"8080:80", "0.0.0.0:9000:9000/udp"};
  EXPECT_EQ(
      options(config, {}, {}, true),
      (Words{"--publish", "127.0.0.1:3000:3000", "--publish", "127.0.0.1:4000:4000", "--publish",
             "8080:80", "--publish", "0.0.0.0:9000:9000/udp", "--label", kNoMetadata}));
  EXPECT_EQ(options(config, {}, {}, false),
            (Words{"--publish", "8080:80", "--publish", "0.0.0.0:9000:9000/udp", "--label",
                   kNoMetadata}));
}

TEST(ContainerArguments, CarryEveryOptionOfTheConfiguration) {
  config::DevcontainerConfig config = image();
  config.mounts = {"type=volume,source=v,target=/v"};
  config.container_env = {{"B", "2 3"}, {"A", "x=y"}};
  config.container_user = "node";
  config.init = true;
  config.privileged = true;
  config.cap_add = {"SYS_PTRACE"};
  config.security_opt = {"seccomp=unconfined"};
  config.run_args = {"--hostname", "box", "--rm"};
  EXPECT_EQ(options(config, {"type=bind,source=/w,target=/workspaces/w", "/workspaces/w"},
                    {{"k", "v"}, {"a", ""}}),
            (Words{"--mount",
                   "type=bind,source=/w,target=/workspaces/w",
                   "--mount",
                   "type=volume,source=v,target=/v",
                   "--label",
                   "a=",
                   "--label",
                   "k=v",
                   "--label",
                   kNoMetadata,
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
  config::DevcontainerConfig config = image();
  config.container_env = {{"X", "$(reboot); `x` \"'\n--privileged"}};
  const Words words = options(config);
  EXPECT_EQ(words[3], "X=$(reboot); `x` \"'\n--privileged");
  EXPECT_EQ(words.size(), 4U);
}

TEST(ContainerArguments, KeepTheMetadataOfTheConfigurationAsWritten) {
  config::DevcontainerConfig config = image();
  config.raw["remoteUser"] = "${localEnv:USER}";
  config.remote_user = "me";
  EXPECT_EQ(options(config),
            (Words{"--label", R"(devcontainer.metadata=[{"remoteUser":"${localEnv:USER}"}])"}));
}

}  // namespace
}  // namespace fairlead::workspace
