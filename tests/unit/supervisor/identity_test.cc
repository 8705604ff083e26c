// How a workspace and its container find each other.
#include "supervisor/workspace/identity.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/supervisor/fake_engine.h"

namespace fairlead::workspace {
namespace {

using target::Target;
using Labels = std::map<std::string, std::string>;

// An engine that holds containers and answers one question.
class Containers : public FakeEngine {
 public:
  std::vector<Target> all;
  std::vector<std::vector<std::string>> asked;
  std::optional<base::Error> failure;

  void add(const std::string& id, Labels labels, bool running = true,
           const std::string& created_at = "2026-01-01T00:00:00Z") {
    Target container;
    container.id = id;
    container.labels = std::move(labels);
    container.running = running;
    container.created_at = created_at;
    all.push_back(container);
  }

  base::Result<std::vector<Target>> find_by_labels(
      const std::vector<std::string>& labels) override {
    asked.push_back(labels);
    if (failure) return *failure;
    std::vector<Target> found;
    std::copy_if(all.begin(), all.end(), std::back_inserter(found), [&](const Target& container) {
      return std::all_of(labels.begin(), labels.end(), [&](const std::string& label) {
        const std::size_t equals = label.find('=');
        const auto at = container.labels.find(label.substr(0, equals));
        return at != container.labels.end() &&
               (equals == std::string::npos || at->second == label.substr(equals + 1));
      });
    });
    return found;
  }
};

Identity identity() { return {"/w", "/w/.devcontainer/devcontainer.json", {}}; }
Labels both() {
  return {{kFolderLabel, "/w"}, {kConfigLabel, "/w/.devcontainer/devcontainer.json"}};
}

std::string found(Containers& containers, const Identity& who = identity()) {
  const auto result = find_container(containers, who);
  if (!result) return "error: " + result.error().message();
  return *result ? (*result)->id : "none";
}

TEST(Identity, IsFolderAndConfigurationUnlessLabelsReplaceThem) {
  EXPECT_EQ(identity().labels(), both());
  EXPECT_EQ((Identity{"/w", "", {}}.labels()), (Labels{{kFolderLabel, "/w"}}));
  EXPECT_EQ((Identity{"/w", "/w/c", {"a=1", "b=2=3", "c="}}.labels()),
            (Labels{{"a", "1"}, {"b", "2=3"}, {"c", ""}}));
}

TEST(FindContainer, FindsTheOneThatCarriesAllLabels) {
  Containers containers;
  containers.add("other folder", {{kFolderLabel, "/v"}});
  containers.add("other file", {{kFolderLabel, "/w"}, {kConfigLabel, "/w/other.json"}});
  EXPECT_EQ(found(containers), "none");
  containers.add("ours", both());
  EXPECT_EQ(found(containers), "ours");
}

TEST(FindContainer, TakesOneByItsFolderIfItNamesNoFile) {
  Containers containers;
  containers.add("old", {{kFolderLabel, "/w"}});
  EXPECT_EQ(found(containers), "old");
  containers.add("ours", both(), false);
  EXPECT_EQ(found(containers), "ours") << "all labels come before the folder alone";
}

TEST(FindContainer, TakesAnyOfTheFolderIfTheFileIsNotKnown) {
  Containers containers;
  containers.add("ours", both());
  EXPECT_EQ(found(containers, {"/w", "", {}}), "ours");
}

TEST(FindContainer, LooksForGivenLabelsAlone) {
  Containers containers;
  containers.add("ours", both());
  const Identity labelled{"/w", "/w/.devcontainer/devcontainer.json", {"a=1"}};
  EXPECT_EQ(found(containers, labelled), "none");
  EXPECT_EQ(containers.asked.size(), 1U) << "no second look by folder";
  containers.add("labelled", {{"a", "1"}});
  EXPECT_EQ(found(containers, labelled), "labelled");
}

TEST(FindContainer, PrefersRunningThenNewest) {
  Containers containers;
  containers.add("old", both(), true, "2026-01-01T00:00:00Z");
  containers.add("newest", both(), false, "2026-03-01T00:00:00Z");
  containers.add("newer", both(), true, "2026-02-01T00:00:00Z");
  EXPECT_EQ(found(containers), "newer");
  for (Target& container : containers.all) container.running = false;
  EXPECT_EQ(found(containers), "newest");
}

TEST(FindContainer, PassesTheEnginesErrorOn) {
  Containers containers;
  containers.failure = base::plain_error("the engine is away");
  EXPECT_EQ(found(containers), "error: the engine is away");
}

TEST(Identity, OfADevContainerIsAnyLabelOfTheReference) {
  const auto labelled = [](std::map<std::string, std::string> labels) {
    target::Target container;
    container.labels = std::move(labels);
    return container;
  };
  EXPECT_FALSE(is_dev_container(labelled({})));
  EXPECT_FALSE(is_dev_container(labelled({{"devcontainers", "x"}, {"dev", "x"}, {"z", "x"}})));
  for (const char* label :
       {"devcontainer.local_folder", "devcontainer.config_file", "devcontainer.metadata"}) {
    EXPECT_TRUE(is_dev_container(labelled({{"a", "b"}, {label, "x"}, {"z", "z"}}))) << label;
  }
}

}  // namespace
}  // namespace fairlead::workspace
