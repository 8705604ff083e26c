#include "base/process_identity.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include "base/net.h"
#include "tests/support/processes.h"

namespace fairlead::base {
namespace {

using testing::Forked;
using testing::readable;

int wait_forever() {
  for (;;) pause();
}

TEST(ProcessIdentity, OfThisProcessIsAliveAndStaysTheSame) {
  const auto self = identify_self();
  ASSERT_TRUE(self);
  EXPECT_EQ(self->pid, getpid());
  EXPECT_GT(self->start_ticks, 0U);
  EXPECT_EQ(self->boot_id.size(), 36U);
  EXPECT_TRUE(is_alive(*self));
  EXPECT_EQ(*identify_process(getpid()), *self);
}

TEST(ProcessIdentity, AnotherProcessWithARecycledNumberIsSomebodyElse) {
  auto recycled = *identify_self();
  ++recycled.start_ticks;
  EXPECT_FALSE(is_alive(recycled));
  const auto pidfd = open_pidfd(recycled);
  ASSERT_FALSE(pidfd);
  EXPECT_EQ(pidfd.error().code.value(), ESRCH);
}

TEST(ProcessIdentity, FromAnotherBootIsDead) {
  auto stranger = *identify_self();
  stranger.boot_id = "00000000-0000-0000-0000-000000000000";
  EXPECT_FALSE(is_alive(stranger));
  EXPECT_EQ(open_pidfd(stranger).error().code.value(), ESRCH);
  stranger.boot_id.clear();
  EXPECT_FALSE(is_alive(stranger));
}

TEST(ProcessIdentity, OfNobodyIsDead) {
  EXPECT_FALSE(is_alive({}));
  EXPECT_FALSE(is_alive({0, 0, current_boot_id()}));
  EXPECT_FALSE(is_alive({-1, 0, current_boot_id()}));
  EXPECT_FALSE(identify_process(0));
  EXPECT_FALSE(identify_process(-1));
}

TEST(ProcessIdentity, OfAZombieIsDead) {
  Forked child(wait_forever);
  const auto identity = identify_process(child.pid());
  ASSERT_TRUE(identity);
  EXPECT_TRUE(is_alive(*identity));
  const auto pidfd = open_pidfd(*identity);
  ASSERT_TRUE(pidfd);
  EXPECT_TRUE(pidfd_alive(*pidfd));

  child.kill(SIGKILL);
  child.wait_for_end();
  EXPECT_FALSE(is_alive(*identity));
  EXPECT_FALSE(pidfd_alive(*pidfd));
  EXPECT_EQ(open_pidfd(*identity).error().code.value(), ESRCH);
}

TEST(ProcessIdentity, OfAProcessThatIsGoneIsDead) {
  Forked child(wait_forever);
  const auto identity = *identify_process(child.pid());
  const auto pidfd = open_pidfd(identity);
  ASSERT_TRUE(pidfd);
  child.kill(SIGKILL);
  child.wait();
  EXPECT_FALSE(is_alive(identity));
  EXPECT_FALSE(pidfd_alive(*pidfd));
  EXPECT_EQ(open_pidfd(identity).error().code.value(), ESRCH);
  EXPECT_EQ(send_signal(*pidfd, SIGTERM).error().code.value(), ESRCH);
}

TEST(ProcessIdentity, SurvivesAnExec) {
  // The start time is of the process, not of the program: a container's init may exec.
  auto gate = make_pipe();
  Forked child([&] {
    char byte = 0;
    if (read(gate->first.get(), &byte, 1) != 1) return 1;
    execl("/proc/self/exe", "host_test", "__wait", nullptr);
    return 1;
  });
  const auto identity = *identify_process(child.pid());
  ASSERT_EQ(write(gate->second.get(), "x", 1), 1);
  EXPECT_TRUE(is_alive(identity));
  EXPECT_TRUE(testing::eventually([&] {
    char name[64] = {};
    const std::string link = "/proc/" + std::to_string(child.pid()) + "/stat";
    (void)readlink(link.c_str(), name, sizeof name);
    return identify_process(child.pid()) && is_alive(identity);
  }));
}

TEST(ProcessIdentity, IsReadWhateverTheProcessCallsItself) {
  auto ready = make_pipe();
  Forked child([&] {
    prctl(PR_SET_NAME, ") R 1 2 3 (\n", 0, 0, 0);
    if (write(ready->second.get(), "x", 1) != 1) return 1;
    return wait_forever();
  });
  ready->second.reset();
  ASSERT_TRUE(readable(ready->first.get()));
  const auto identity = identify_process(child.pid());
  ASSERT_TRUE(identity);
  // It was started after us, on the same clock.
  EXPECT_GE(identity->start_ticks, identify_self()->start_ticks);
  EXPECT_TRUE(is_alive(*identity));
}

TEST(ProcessIdentity, ASignalThroughAPidfdArrives) {
  Forked child(wait_forever);
  const auto pidfd = open_pidfd(*identify_process(child.pid()));
  ASSERT_TRUE(pidfd);
  EXPECT_FALSE(readable(pidfd->get(), 0));
  ASSERT_TRUE(send_signal(*pidfd, SIGTERM));
  EXPECT_TRUE(readable(pidfd->get()));
  EXPECT_EQ(child.wait(), 128 + SIGTERM);
}

}  // namespace
}  // namespace fairlead::base
