// Where a workspace's folder lies in the container. A path that does not exist is in no repository.
#include "supervisor/workspace/mount.h"

#include <gtest/gtest.h>

namespace fairlead::workspace {
namespace {

TEST(WorkspaceMount, IsTheFolderBelowWorkspaces) {
  const WorkspaceMount mount = default_mount("/nowhere/at all/project", false);
  EXPECT_EQ(mount.mount, "type=bind,source=/nowhere/at all/project,target=/workspaces/project");
  EXPECT_EQ(mount.folder, "/workspaces/project");
}

TEST(WorkspaceMount, IsTheFolderItselfIfItIsInNoRepository) {
  EXPECT_EQ(default_mount("/nowhere/project", true).mount,
            default_mount("/nowhere/project", false).mount);
}

TEST(WorkspaceMount, QuotesAFieldWithAComma) {
  EXPECT_EQ(default_mount("/nowhere/a,b/project", false).mount,
            "type=bind,\"source=/nowhere/a,b/project\",target=/workspaces/project");
  EXPECT_EQ(default_mount("/nowhere/a,b", false).mount,
            "type=bind,\"source=/nowhere/a,b\",\"target=/workspaces/a,b\"");
}

TEST(WorkspaceMount, QuotesAFieldWithQuotationMarks) {
  // As CSV has it: the field in quotation marks, those within it doubled.
  EXPECT_EQ(default_mount("/nowhere/a\"b/project", false).mount,
            "type=bind,\"source=/nowhere/a\"\"b/project\",target=/workspaces/project");
}

}  // namespace
}  // namespace fairlead::workspace
