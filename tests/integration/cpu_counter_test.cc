#include "detect/cpu_counter.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/processes.h"

namespace fairlead::detect {
namespace {

TEST(CpuCounter, MovesWhenTheProcessHasUsedCpu) {
  const auto counter = CpuCounter::open(getpid());
  if (!counter) GTEST_SKIP() << "no cgroup of ours here: " << counter.error().message();
  const auto before = counter->read();
  ASSERT_TRUE(before);
  volatile std::uint64_t work = 0;
  EXPECT_TRUE(testing::eventually([&] {
    for (int i = 0; i < 1'000'000; ++i) work = work + 1;
    return counter->read() > before;
  }));
}

TEST(CpuCounter, IsNotToBeHadOfAProcessThatIsNotThere) {
  testing::Forked child([] { return 0; });
  child.wait();
  const auto counter = CpuCounter::open(child.pid());
  ASSERT_FALSE(counter);
  EXPECT_EQ(counter.error().code.value(), ENOENT);
}

}  // namespace
}  // namespace fairlead::detect
