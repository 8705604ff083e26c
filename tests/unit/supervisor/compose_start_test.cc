#include "supervisor/workspace/compose_start.h"

#include <gtest/gtest.h>

namespace fairlead::workspace {
namespace {

using Words = std::vector<std::string>;

engine::ImageDescription image() {
  engine::ImageDescription description;
  description.entrypoint = {"/entry", "$x"};
  description.command = {"serve", "$y"};
  return description;
}

Words after_script(const ComposeStart& start) {
  return {start.entrypoint.begin() + 3, start.entrypoint.end()};
}

TEST(ComposeStart, LeavesEverythingAsItIsWithoutAReason) {
  EXPECT_FALSE(compose_start(false, {}, {}, image()));
}

TEST(ComposeStart, OfAnOverriddenCommandKeepsTheContainerAndNothingOfTheService) {
  ComposeService service;
  service.command = Words{"ignored"};
  service.entrypoint = Words{"ignored, too"};
  const auto start = compose_start(true, {}, service, image());
  ASSERT_TRUE(start);
  EXPECT_EQ(start->entrypoint[0], "/bin/sh");
  EXPECT_EQ(after_script(*start), Words{"-"});
  EXPECT_EQ(start->command, Words{});
  EXPECT_NE(start->entrypoint[2].find("exec \"$$@\""), std::string::npos);
  EXPECT_NE(start->entrypoint[2].find("wait $$!"), std::string::npos);
}

TEST(ComposeStart, RunsEntryPointsOfTheMetadataBeforeTheImagesOwnStart) {
  const auto start = compose_start(false, {"/one.sh", "/two.sh"}, {}, image());
  ASSERT_TRUE(start);
  EXPECT_NE(start->entrypoint[2].find("\n/one.sh\n/two.sh\nexec"), std::string::npos);
  EXPECT_EQ(after_script(*start), (Words{"-", "/entry", "$$x"}));
  EXPECT_EQ(start->command, (Words{"serve", "$$y"}));
}

TEST(ComposeStart, TakesTheServicesWordsAsTheyAreWritten) {
  ComposeService service;
  service.command = Words{"run", "$$z"};
  auto start = compose_start(false, {"/one.sh"}, service, image());
  EXPECT_EQ(after_script(*start), (Words{"-", "/entry", "$$x"}));
  EXPECT_FALSE(start->command) << "it is the service's own already";
  service.entrypoint = Words{"/mine", "$$w"};
  start = compose_start(false, {"/one.sh"}, service, image());
  EXPECT_EQ(after_script(*start), (Words{"-", "/mine", "$$w"}));
  service.command.reset();
  start = compose_start(false, {"/one.sh"}, service, image());
  EXPECT_EQ(start->command, Words{}) << "the image's goes with the image's entry point";
}

}  // namespace
}  // namespace fairlead::workspace
