#include "supervisor/cli/down_scope.h"

#include <gtest/gtest.h>

namespace fairlead::cli {
namespace {

target::Target labelled(std::map<std::string, std::string> labels) {
  target::Target container;
  container.labels = std::move(labels);
  return container;
}

TEST(DownScope, TakesOnlyADevContainersProjectWhole) {
  const target::Target plain = labelled({{"com.docker.compose.project", "p"}, {"z", "z"}});
  EXPECT_FALSE(is_dev_project({}));
  EXPECT_FALSE(is_dev_project({plain, labelled({}), labelled({{"devcontainers", "x"}})}));
  for (const char* label :
       {"devcontainer.local_folder", "devcontainer.config_file", "devcontainer.metadata"}) {
    EXPECT_TRUE(is_dev_project({plain, labelled({{"a", "b"}, {label, "x"}, {"z", "z"}})})) << label;
  }
}

TEST(DownScope, ListsEveryIdOnce) {
  DownScope scope;
  scope.containers.resize(2);
  scope.containers[0].id = "a";
  scope.containers[1].id = "b";
  scope.gone = {"c"};
  EXPECT_EQ(scope.ids(), (std::vector<std::string>{"a", "b", "c"}));
}

}  // namespace
}  // namespace fairlead::cli
