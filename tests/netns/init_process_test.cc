#include "target/init_process.h"

#include "tests/netns/fixture.h"

namespace fairlead::target {
namespace {

class InitProcessTest : public testing::NamespaceTest {};

TEST_F(InitProcessTest, IsAliveUntilItsEndAndNeverAgain) {
  EXPECT_TRUE(init_->alive());
  EXPECT_EQ(init_->identity().pid, space_->pid());
  EXPECT_FALSE(testing::readable(init_->pidfd().get(), 0));
  space_->end();
  EXPECT_FALSE(init_->alive()) << "a zombie is no init process";
  EXPECT_TRUE(testing::readable(init_->pidfd().get(), 0));
  space_.reset();
  EXPECT_FALSE(init_->alive());
}

TEST_F(InitProcessTest, TellsWhetherItSharesOurNetwork) {
  EXPECT_EQ(init_->shares_our_network(), false);
  EXPECT_EQ(InitProcess::open(getpid())->shares_our_network(), true);
  space_->end();
  EXPECT_EQ(init_->shares_our_network(), std::nullopt);
}

TEST_F(InitProcessTest, TellsWhetherItsUsersAreItsOwn) {
  EXPECT_TRUE(init_->has_own_user_namespace());
  EXPECT_FALSE(InitProcess::open(getpid())->has_own_user_namespace());
  if (geteuid() != 0) return;
  const auto rootful = testing::Namespace::create(testing::Namespace::Users::kOurs);
  ASSERT_TRUE(rootful) << rootful.error().message();
  EXPECT_FALSE(rootful->init().has_own_user_namespace());
}

TEST_F(InitProcessTest, CannotBeOpenedOnceItIsGone) {
  const std::int64_t pid = space_->pid();
  space_->end();
  const auto zombie = InitProcess::open(pid);
  ASSERT_FALSE(zombie);
  EXPECT_EQ(zombie.error().code.value(), ESRCH);
  space_.reset();
  const auto gone = InitProcess::open(pid);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code.value(), ESRCH);
}

}  // namespace
}  // namespace fairlead::target
