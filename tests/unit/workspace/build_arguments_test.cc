// Words for the engine's build, and the names of images.
#include "supervisor/workspace/build_arguments.h"

#include <gtest/gtest.h>

namespace fairlead::workspace {
namespace {

using Words = std::vector<std::string>;

TEST(ImageName, HoldsTheFoldersNameAndTheHashOfItsPath) {
  EXPECT_EQ(image_name("/w/app"),
            "vsc-app-ece9371bedcbc1139e32f73cc67f0e41d989923d6c820725b6bc0a499922f610");
}

TEST(ImageName, IsOneWhateverTheFolderIsCalled) {
  const auto name_of = [](const std::string& folder) {
    const std::string name = image_name("/w/" + folder);
    return name.substr(0, name.size() - 65);  // "-" and 64 digits
  };
  EXPECT_EQ(name_of("My App"), "vsc-myapp");
  EXPECT_EQ(name_of("it's;$(x)"), "vsc-itsx");
  EXPECT_EQ(name_of("a.-b"), "vsc-a.b");
  EXPECT_EQ(name_of("a_-b"), "vsc-a_b");
  EXPECT_EQ(name_of("a___b"), "vsc-a__b");
  EXPECT_EQ(name_of("a__b"), "vsc-a__b");
  EXPECT_EQ(name_of("a--b"), "vsc-a--b");
  EXPECT_EQ(name_of("a--.b"), "vsc-a--b");
  EXPECT_EQ(name_of("a..b"), "vsc-a.b");
}

TEST(ImageName, DiffersBetweenFoldersOfOneName) {
  EXPECT_NE(image_name("/a/app"), image_name("/b/app"));
}

TEST(BuildArguments, NameFileImageAndContext) {
  EXPECT_EQ(build_arguments({"/w/.devcontainer/Dockerfile", "/w", {}, "", {}, {}}, "name"),
            (Words{"--file", "/w/.devcontainer/Dockerfile", "--tag", "name", "/w"}));
}

TEST(BuildArguments, CarryEverythingAsWords) {
  config::ImageBuild build{"/w/D", "/w/c d",     {{"A", "1 2"}, {"B", "; rm -rf /"}},
                           "dev",  {"x:1", "y"}, {"--network=host", "--pull"}};
  EXPECT_EQ(build_arguments(build, "n"),
            (Words{"--file", "/w/D", "--tag", "n", "--target", "dev", "--cache-from", "x:1",
                   "--cache-from", "y", "--build-arg", "A=1 2", "--build-arg", "B=; rm -rf /",
                   "--network=host", "--pull", "/w/c d"}));
}

}  // namespace
}  // namespace fairlead::workspace
