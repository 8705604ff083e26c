// Configuration files as a disk may have them: pipes, loops, far too large ones.
#include "supervisor/config/config_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "supervisor/config/personal_config.h"
#include "tests/support/temp_dir.h"

namespace fairlead::config {
namespace {

namespace fs = std::filesystem;

class ConfigFile : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder_.path_of(name);
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  static std::string error_of(const std::string& path) {
    const auto json = load_config_file(path);
    return json ? "" : json.error().message();
  }

  testing::TempDir folder_;
};

TEST_F(ConfigFile, IsReadWithItsText) {
  const std::string path = write("a.json", "// c\n{\"image\": \"x\",}");
  const auto source = load_config_source(path);
  ASSERT_TRUE(source) << source.error().message();
  EXPECT_EQ(source->path, path);
  EXPECT_EQ(source->text, "// c\n{\"image\": \"x\",}");
  EXPECT_EQ(source->json.dump(), R"({"image":"x"})");
}

TEST_F(ConfigFile, ThatIsHugeIsRefusedAtOnce) {
  const std::string path = write("huge.json", "{");
  fs::resize_file(path, 100U << 20);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_NE(error_of(path).find(path), std::string::npos) << error_of(path);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(1));
}

TEST_F(ConfigFile, ThatIsNoFileIsRefusedWithoutWaiting) {
  const std::string pipe = folder_.path_of("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const std::string loop = folder_.path_of("loop");
  ASSERT_EQ(symlink("loop", loop.c_str()), 0);
  for (const std::string& path :
       {pipe, loop, folder_.path(), folder_.path_of("none"), std::string("/dev/zero")}) {
    EXPECT_NE(error_of(path).find(path), std::string::npos) << path << ": " << error_of(path);
  }
}

TEST_F(ConfigFile, ThatIsBinaryOrNoObjectIsRefused) {
  EXPECT_NE(error_of(write("binary", std::string("{\0}", 3))).find(":1:2: a NUL byte"),
            std::string::npos);
  EXPECT_NE(error_of(write("list", "[1]")).find("not a JSON object"), std::string::npos);
}

TEST_F(ConfigFile, IsFoundInEachOfItsPlaces) {
  const auto find = [&] { return find_config_file(folder_.path()); };
  EXPECT_FALSE(find());
  const std::string own = write(".devcontainer/web/devcontainer.json", "{}");
  ASSERT_TRUE(find());
  EXPECT_EQ(*find(), own);
  write(".devcontainer/api/devcontainer.json", "{}");
  ASSERT_FALSE(find());
  EXPECT_NE(find().error().message().find("--config"), std::string::npos);
  const std::string plain = write(".devcontainer.json", "{}");
  EXPECT_EQ(*find(), plain);
  const std::string usual = write(".devcontainer/devcontainer.json", "{}");
  EXPECT_EQ(*find(), usual);
}

TEST_F(ConfigFile, IsNotLookedForInALoop) {
  ASSERT_EQ(symlink(".devcontainer", folder_.path_of(".devcontainer").c_str()), 0);
  EXPECT_FALSE(find_config_file(folder_.path()));
  fs::remove(folder_.path_of(".devcontainer"));
  fs::create_directory(folder_.path_of(".devcontainer"));
  ASSERT_EQ(symlink("..", folder_.path_of(".devcontainer/up").c_str()), 0);
  ASSERT_EQ(symlink("self", folder_.path_of(".devcontainer/self").c_str()), 0);
  EXPECT_FALSE(find_config_file(folder_.path()));
}

TEST_F(ConfigFile, ManyCandidatesAreNotAllListed) {
  for (int i = 0; i < 100; ++i) {
    write(".devcontainer/c" + std::to_string(i) + "/devcontainer.json", "{}");
  }
  const std::string message = find_config_file(folder_.path()).error().message();
  EXPECT_LT(message.size(), 3000U);
  EXPECT_NE(message.find("and 80 more"), std::string::npos) << message;
}

TEST_F(ConfigFile, ThePersonalOneMayBeMissing) {
  const auto none = load_personal_config(folder_.path_of("none/config.json"));
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->workspaces.empty());
  const auto some =
      load_personal_config(write("config.json", R"({"workspaces":{"*":{"maxAutoForwards":3}}})"));
  ASSERT_TRUE(some) << some.error().message();
  EXPECT_EQ(some->workspaces.size(), 1U);
  EXPECT_FALSE(load_personal_config(folder_.path())) << "a folder is no file";
}

}  // namespace
}  // namespace fairlead::config
