#include "detect/owner_process.h"

#include "base/text_file.h"
#include "tests/netns/fixture.h"

namespace fairlead::detect {
namespace {

class OwnerInNamespace : public testing::NamespaceTest {};

TEST_F(OwnerInNamespace, IsFoundWithPidAndCommandLine) {
  const auto listener = space_->listen(on("127.0.0.1", 3000));
  ASSERT_TRUE(listener);
  const auto owners = find_owners({listener->inode}, space_->pid());
  ASSERT_EQ(owners.size(), 1U);
  EXPECT_EQ(owners.at(listener->inode).pid, space_->pid());
  const auto ours = base::read_text_file("/proc/self/cmdline", 1U << 16);  // forked, not exec'd
  EXPECT_EQ(owners.at(listener->inode).command_line, printable_command_line(*ours));
}

TEST_F(OwnerInNamespace, IsNobodyOutsideTheNamespace) {
  testing::ListenOptions given_away;
  given_away.hand_over = true;
  given_away.keep_own = false;
  const auto listener = space_->listen(on("127.0.0.1", 3000), given_away);
  ASSERT_TRUE(listener && listener->descriptor);
  ASSERT_TRUE(space_->listen(on("127.0.0.1", 3001)));  // the listener before is closed by now
  EXPECT_TRUE(find_owners({listener->inode}, space_->pid()).empty());
}

TEST_F(OwnerInNamespace, IsNotFoundAfterTheListenerHasClosed) {
  const auto listener = space_->listen(on("127.0.0.1", 3000));
  ASSERT_TRUE(space_->close_listener(listener->id));
  EXPECT_TRUE(find_owners({listener->inode}, space_->pid()).empty());
}

}  // namespace
}  // namespace fairlead::detect
