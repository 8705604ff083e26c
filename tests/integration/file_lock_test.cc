// Locks between processes: real flock, real deaths.
#include "base/file_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/net.h"
#include "base/process_identity.h"
#include "base/text_file.h"
#include "tests/support/processes.h"
#include "tests/support/temp_dir.h"

namespace fairlead::base {
namespace {

using namespace std::chrono_literals;
using testing::Forked;
using testing::in_child;
using testing::kPatience;
using testing::readable;

class FileLockTest : public ::testing::Test {
 protected:
  Result<FileLock> lock(std::chrono::milliseconds patience) const {
    return FileLock::acquire(directory_, "lock", patience);
  }
  bool there() const {
    struct stat info {};
    return fstatat(directory_.fd(), "lock", &info, AT_SYMLINK_NOFOLLOW) == 0;
  }
  // In another process: takes the lock, says so, and holds it for ever.
  int hold(const UniqueFd& tell) const {
    const auto held = lock(kPatience);
    if (!held || write(tell.get(), "x", 1) != 1) return 1;
    for (;;) pause();
  }

  testing::TempDir temp_;
  PrivateDirectory directory_ = *PrivateDirectory::create(temp_.path_of("state"));
};

TEST_F(FileLockTest, IsTakenAtOnceWhenNobodyHoldsIt) {
  const auto held = lock(0ms);
  ASSERT_TRUE(held);
  EXPECT_TRUE(there());
}

TEST_F(FileLockTest, ExcludesAnotherProcessUntilItIsReleased) {
  {
    const auto held = lock(0ms);
    ASSERT_TRUE(held);
    EXPECT_EQ(in_child([&] { return lock(20ms) ? 1 : 0; }), 0);
  }
  EXPECT_EQ(in_child([&] { return lock(0ms) ? 0 : 1; }), 0);
}

TEST_F(FileLockTest, ExcludesASecondHolderInTheSameProcess) {
  const auto held = lock(0ms);
  const auto second = lock(10ms);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code.value(), ETIMEDOUT);
}

TEST_F(FileLockTest, NamesTheHolderWhenPatienceEnds) {
  auto told = make_pipe();
  Forked holder([&] { return hold(told->second); });
  ASSERT_TRUE(readable(told->first.get()));
  const SteadyTime before = steady_now();
  const auto refused = lock(50ms);
  const auto waited = steady_now() - before;
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code.value(), ETIMEDOUT);
  EXPECT_GE(waited, 50ms);
  EXPECT_NE(refused.error().message().find("process " + std::to_string(holder.pid())),
            std::string::npos)
      << refused.error().message();
}

TEST_F(FileLockTest, IsTakenOverWhenItsHolderIsKilled) {
  auto told = make_pipe();
  Forked holder([&] { return hold(told->second); });
  ASSERT_TRUE(readable(told->first.get()));
  ASSERT_FALSE(lock(0ms));
  holder.kill(SIGKILL);
  EXPECT_TRUE(lock(kPatience));
}

TEST_F(FileLockTest, IsTakenByAWaiterAsSoonAsItIsFree) {
  // The waiter is forked first: a fork that came later would share our lock.
  auto go = make_pipe();
  auto waiting = make_pipe();
  Forked waiter([&] {
    char byte = 0;
    if (read(go->first.get(), &byte, 1) != 1) return 1;
    if (write(waiting->second.get(), "x", 1) != 1) return 2;
    return lock(kPatience) ? 0 : 3;
  });
  auto held = lock(0ms);
  ASSERT_TRUE(held);
  ASSERT_EQ(write(go->second.get(), "x", 1), 1);
  ASSERT_TRUE(readable(waiting->first.get()));
  EXPECT_FALSE(readable(open_pidfd(waiter.pid())->get(), 30)) << "it waits";
  { const FileLock released = std::move(*held); }
  EXPECT_EQ(waiter.wait(), 0);
}

TEST_F(FileLockTest, CountsRightlyUnderManyProcesses) {
  constexpr int kProcesses = 4;
  constexpr int kRounds = 50;
  ASSERT_TRUE(directory_.write_file_atomically("counter", "0"));
  const auto count = [&] {
    for (int i = 0; i < kRounds; ++i) {
      const auto held = lock(kPatience);
      if (!held) return 1;
      const auto text = directory_.read_file("counter", 100);
      if (!text) return 2;
      if (!directory_.write_file_atomically("counter", std::to_string(std::stoi(*text) + 1))) {
        return 3;
      }
    }
    return 0;
  };
  std::vector<std::unique_ptr<Forked>> processes;
  for (int i = 0; i < kProcesses; ++i) processes.push_back(std::make_unique<Forked>(count));
  for (const auto& process : processes) EXPECT_EQ(process->wait(), 0);
  EXPECT_EQ(*directory_.read_file("counter", 100), std::to_string(kProcesses * kRounds));
}

TEST_F(FileLockTest, StaysExclusiveWhileHoldersRemoveTheFile) {
  // Everybody removes the file before leaving. Two at once inside would see the marker.
  const auto visit = [&] {
    for (int i = 0; i < 60; ++i) {
      auto held = lock(kPatience);
      if (!held) return 1;
      const UniqueFd marker(openat(directory_.fd(), "inside", O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      if (!marker) return 2;
      sched_yield();
      if (unlinkat(directory_.fd(), "inside", 0) != 0) return 3;
      held->remove_file(directory_, "lock");
    }
    return 0;
  };
  std::vector<std::unique_ptr<Forked>> processes;
  for (int i = 0; i < 4; ++i) processes.push_back(std::make_unique<Forked>(visit));
  for (const auto& process : processes) EXPECT_EQ(process->wait(), 0);
  EXPECT_FALSE(there());
}

TEST_F(FileLockTest, AWaiterWhoseFileWasRemovedLocksTheNewOne) {
  auto go = make_pipe();
  auto waiting = make_pipe();
  auto taken = make_pipe();
  Forked waiter([&] {
    char byte = 0;
    if (read(go->first.get(), &byte, 1) != 1) return 1;
    if (write(waiting->second.get(), "x", 1) != 1) return 2;
    return hold(taken->second);
  });
  auto held = lock(0ms);
  ASSERT_TRUE(held);
  ASSERT_EQ(write(go->second.get(), "x", 1), 1);
  ASSERT_TRUE(readable(waiting->first.get()));
  held->remove_file(directory_, "lock");
  EXPECT_FALSE(there());
  { const FileLock released = std::move(*held); }
  ASSERT_TRUE(readable(taken->first.get()));
  EXPECT_TRUE(there());
  EXPECT_FALSE(lock(0ms));
}

TEST_F(FileLockTest, RemovesNoFileThatIsNotItsOwn) {
  auto held = lock(0ms);
  ASSERT_TRUE(directory_.remove("lock"));
  ASSERT_TRUE(directory_.write_file_atomically("lock", "somebody else's"));
  held->remove_file(directory_, "lock");
  EXPECT_TRUE(there());
}

TEST_F(FileLockTest, IsNotKeptByAChildThatWasStartedMeanwhile) {
  auto held = lock(0ms);
  auto stdin_pipe = make_pipe();
  Forked child([&] {
    dup2(stdin_pipe->first.get(), STDIN_FILENO);
    execl("/proc/self/exe", "host_test", "__wait", nullptr);
    return 1;
  });
  { const FileLock released = std::move(*held); }
  EXPECT_TRUE(lock(kPatience));  // free as soon as the child has come to exec
}

TEST_F(FileLockTest, IsRefusedOnASymbolicLink) {
  ASSERT_EQ(symlinkat("elsewhere", directory_.fd(), "lock"), 0);
  const auto refused = lock(0ms);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code.value(), ELOOP);
  EXPECT_FALSE(std::filesystem::exists(directory_.path_of("elsewhere")));
}

TEST_F(FileLockTest, CanBeTakenOnADirectory) {
  const auto open_directory = [&] {
    return UniqueFd(open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  };
  const auto held = FileLock::acquire(open_directory(), "the workspace", 0ms);
  ASSERT_TRUE(held);
  const auto second = FileLock::acquire(open_directory(), "the workspace", 10ms);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message().find("the workspace"), std::string::npos);
}

TEST_F(FileLockTest, TellsWhoHoldsAFile) {
  const UniqueFd file = *directory_.open_file("lock", O_RDWR | O_CREAT);
  EXPECT_EQ(lock_holder(file), 0);
  const auto held = lock(0ms);
  EXPECT_EQ(lock_holder(file), getpid());
  EXPECT_EQ(lock_holder(UniqueFd()), 0);
}

}  // namespace
}  // namespace fairlead::base
