// Whose ids follow the host's user, and the Dockerfile that changes them.
#include "supervisor/workspace/user_ids.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "supervisor/workspace/build_arguments.h"

namespace fairlead::workspace {
namespace {

constexpr UserIds kHost{1234, 1235};

struct UserIdsCase {
  config::DevcontainerConfig config;
  PreparedImage image;

  std::string user(const std::string& mode = "on", const UserIds& host = kHost) const {
    return user_to_update(config, image, mode, host).value_or("none");
  }
};

TEST(UserToUpdate, IsTheRemoteUserElseTheContainersElseTheImages) {
  UserIdsCase c;
  c.image.description.user = "image";
  EXPECT_EQ(c.user(), "image");
  c.config.container_user = "container";
  EXPECT_EQ(c.user(), "container");
  c.image.run_user = "args";
  EXPECT_EQ(c.user(), "args");
  c.config.remote_user = "remote";
  EXPECT_EQ(c.user(), "remote");
}

TEST(UserToUpdate, IsNobodyForRootOnEitherSideAndForNumbers) {
  UserIdsCase c;
  EXPECT_EQ(c.user(), "none") << "an image without a user runs as root";
  for (const char* user : {"root", "0", "1000"}) {
    c.config.remote_user = user;
    EXPECT_EQ(c.user(), "none") << user;
  }
  c.config.remote_user = "dev";
  EXPECT_EQ(c.user("on", {0, 0}), "none");
  EXPECT_EQ(c.user(), "dev");
}

TEST(UserToUpdate, IsDecidedByTheConfigurationUnlessTheFlagSaysNever) {
  UserIdsCase c;
  c.config.remote_user = "dev";
  EXPECT_EQ(c.user("off"), "none");
  c.config.update_remote_user_uid = true;
  EXPECT_EQ(c.user("off"), "dev");
  EXPECT_EQ(c.user("never"), "none");
  c.config.update_remote_user_uid = false;
  EXPECT_EQ(c.user("on"), "none");
}

TEST(UserToUpdate, IsNobodyWhoseNameCouldMeanAnythingElse) {
  UserIdsCase c;
  for (const char* name :
       {"a b", "a\nRUN x", "$(x)", "a;b", "-u", "a:b", "ä", "a\"b", "a\\", "*", "a/b", ""}) {
    c.config.remote_user = name;
    EXPECT_EQ(c.user(), "none") << name;
  }
  c.config.remote_user = std::string(65, 'a');
  EXPECT_EQ(c.user(), "none");
  c.config.remote_user = "dev";
  c.image.description.user = "x\nRUN reboot";
  EXPECT_EQ(c.user(), "none");
  c.image.description.user = "app:app";
  EXPECT_EQ(c.user(), "dev");
}

TEST(UpdatedImageName, IsThatOfTheWorkspace) {
  const std::string own = image_name("/w/app");
  EXPECT_EQ(updated_image_name("/w/app", "alpine:3"), own + "-uid");
  EXPECT_EQ(updated_image_name("/w/app", own), own + "-uid");
  EXPECT_EQ(updated_image_name("/w/app", own + "-features"), own + "-features-uid");
}

TEST(UidDockerfile, HasOneRunWhoseWordsAreNoShells) {
  const std::string text = uid_dockerfile("dev", "app:app", kHost);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5);
  EXPECT_TRUE(text.starts_with("ARG BASE_IMAGE=scratch\nFROM $BASE_IMAGE\nUSER root\nRUN ["));
  EXPECT_TRUE(text.ends_with("\nUSER app:app\n"));
  const std::size_t run = text.find("RUN ") + 4;
  const auto words = config::Json::parse(text.substr(run, text.find('\n', run) - run));
  ASSERT_EQ(words.size(), 7U);
  EXPECT_EQ(words[0], "/bin/sh");
  EXPECT_EQ(words[4], "dev");
  EXPECT_EQ(words[5], "1234");
  EXPECT_EQ(words[6], "1235");
}

TEST(UidDockerfile, ReturnsToRootInAnImageWithoutAUser) {
  EXPECT_TRUE(uid_dockerfile("dev", "", kHost).ends_with("\nUSER root\n"));
}

TEST(UidBuildArguments, ReadTheDockerfileFromStdin) {
  EXPECT_EQ(
      uid_build_arguments("n-uid", "alpine:3"),
      (std::vector<std::string>{"--tag", "n-uid", "--build-arg", "BASE_IMAGE=alpine:3", "-"}));
}

}  // namespace
}  // namespace fairlead::workspace
