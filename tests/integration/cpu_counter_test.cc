#include "detect/cpu_counter.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/text_file.h"
#include "detect/cgroups.h"
#include "tests/support/processes.h"

namespace fairlead::detect {
namespace {

// A cgroup of the test's own: on version 1 below the cpuacct controller, else on version 2.
class OwnCgroup {
 public:
  OwnCgroup() {
    const auto mounts = base::read_text_file("/proc/self/mountinfo", 1U << 20);
    if (!mounts) return;
    auto mount = cgroup_mount(*mounts, "cpuacct");
    if (!mount) mount = cgroup_mount(*mounts, "");
    if (!mount) return;
    path_ = *mount + "/fairlead-test-" + std::to_string(getpid());
    made_ = mkdir(path_.c_str(), 0755) == 0;
  }
  ~OwnCgroup() {
    if (made_) testing::eventually([&] { return rmdir(path_.c_str()) == 0; });
  }
  bool made() const { return made_; }
  bool add_self() const {
    std::ofstream members(path_ + "/cgroup.procs");
    members << getpid();
    return static_cast<bool>(members.flush());
  }

 private:
  std::string path_;
  bool made_ = false;
};

TEST(CpuCounter, MovesWhenTheProcessHasUsedCpu) {
  const OwnCgroup group;
  if (!group.made()) GTEST_SKIP() << "takes permission to make a cgroup";
  testing::Forked child([&group] {
    if (!group.add_self()) return 1;
    const auto counter = CpuCounter::open(getpid());
    if (!counter) return 2;
    const auto before = counter->read();
    if (!before) return 3;
    volatile std::uint64_t work = 0;
    const bool moved = testing::eventually([&] {
      for (int i = 0; i < 1'000'000; ++i) work = work + 1;
      return counter->read() > before;
    });
    return moved ? 0 : 4;
  });
  EXPECT_EQ(child.wait(), 0);
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
