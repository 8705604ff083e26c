#include "detect/owner_process.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/child_process.h"
#include "base/net.h"
#include "tests/support/processes.h"

namespace fairlead::detect {
namespace {

std::uint64_t inode_of(const base::UniqueFd& fd) {
  struct stat info {};
  return fstat(fd.get(), &info) == 0 ? info.st_ino : 0;
}

// A listener that only a child of ours holds any more.
class ListeningChild : public ::testing::Test {
 protected:
  void start(const std::vector<std::string>& arguments) {
    auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 1);
    ASSERT_TRUE(listener);
    inode_ = inode_of(*listener);
    base::SpawnOptions options{{base::kSelfExecutable, "__wait"}};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.stdin_fd = input_->first.get();
    options.extra_fd = listener->get();
    auto child = base::spawn(options);
    ASSERT_TRUE(child) << child.error().message();
    child_.emplace(std::move(*child));
  }
  void TearDown() override {
    if (!child_) return;
    child_->kill();
    child_->wait();
  }

  std::uint64_t inode_ = 0;
  base::Result<std::pair<base::UniqueFd, base::UniqueFd>> input_ = base::make_pipe();
  std::optional<base::ChildProcess> child_;
};

TEST_F(ListeningChild, IsFoundWithItsCommandLine) {
  start({"--port", "3000", "with\nnewline"});
  const auto owners = find_owners({inode_}, getpid());
  ASSERT_EQ(owners.size(), 1U);
  EXPECT_EQ(owners.at(inode_).pid, child_->pid());
  EXPECT_EQ(owners.at(inode_).command_line, "/proc/self/exe __wait --port 3000 with?newline");
}

TEST_F(ListeningChild, WithAVeryLongCommandLineShowsItsBeginning) {
  start({std::string(100'000, 'x')});
  const auto owners = find_owners({inode_}, getpid());
  ASSERT_EQ(owners.size(), 1U);
  EXPECT_EQ(owners.at(inode_).command_line, "/proc/self/exe __wait " + std::string(256 - 22, 'x'));
}

TEST_F(ListeningChild, IsNobodysOwnerAfterItsEnd) {
  start({});
  child_->kill();
  child_->wait();
  EXPECT_TRUE(find_owners({inode_}, getpid()).empty());
}

TEST(FindOwners, FindsSeveralAtOnceAndLeavesOutWhatItCannotSee) {
  const auto one = base::listen_tcp({base::IpAddress::loopback4(), 0}, 1);
  const auto two = base::listen_tcp({base::IpAddress::loopback4(), 0}, 1);
  const auto owners = find_owners({inode_of(*one), inode_of(*two), 1}, getpid());
  ASSERT_EQ(owners.size(), 2U);
  for (const auto& [inode, owner] : owners) EXPECT_EQ(owner.pid, getpid());
}

TEST(FindOwners, FindsNothingForNobody) {
  EXPECT_TRUE(find_owners({}, getpid()).empty());
  const auto listener = base::listen_tcp({base::IpAddress::loopback4(), 0}, 1);
  testing::Forked gone([] { return 0; });
  gone.wait();
  EXPECT_TRUE(find_owners({inode_of(*listener)}, gone.pid()).empty());
}

}  // namespace
}  // namespace fairlead::detect
