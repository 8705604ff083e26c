#include "base/private_directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/net.h"
#include "base/text_file.h"
#include "tests/support/processes.h"
#include "tests/support/temp_dir.h"

namespace fairlead::base {
namespace {

using testing::Forked;

mode_t mode_of(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

class PrivateDirectoryTest : public ::testing::Test {
 protected:
  PrivateDirectory create(const std::string& name) const {
    return PrivateDirectory::create(temp_.path_of(name)).value();
  }
  testing::TempDir temp_;
};

TEST_F(PrivateDirectoryTest, IsMadeWithItsParentsForUsAlone) {
  const mode_t before = umask(0);
  const PrivateDirectory directory = create("a/b/c");
  umask(before);
  EXPECT_EQ(directory.path(), temp_.path_of("a/b/c"));
  for (const char* name : {"a", "a/b", "a/b/c"}) EXPECT_EQ(mode_of(temp_.path_of(name)), 0700U);
}

TEST_F(PrivateDirectoryTest, IsTheSameWhenItExistsAlready) {
  ASSERT_TRUE(create("d").write_file_atomically("f", "kept"));
  EXPECT_EQ(*create("d").read_file("f", 10), "kept");
  EXPECT_EQ(*create("d//").read_file("f", 10), "kept");
}

TEST_F(PrivateDirectoryTest, OpensOnlyWhatIsThere) {
  const auto missing = PrivateDirectory::open(temp_.path_of("d"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code.value(), ENOENT);
  create("d");
  EXPECT_TRUE(PrivateDirectory::open(temp_.path_of("d")));
}

TEST_F(PrivateDirectoryTest, RefusesASymbolicLink) {
  create("real");
  std::filesystem::create_directory_symlink(temp_.path_of("real"), temp_.path_of("link"));
  for (const auto& refused : {PrivateDirectory::create(temp_.path_of("link")),
                              PrivateDirectory::open(temp_.path_of("link")),
                              PrivateDirectory::create(temp_.path_of("link/"))}) {
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("symbolic link"), std::string::npos)
        << refused.error().message();
  }
  std::filesystem::create_directory_symlink(temp_.path_of("nowhere"), temp_.path_of("dangling"));
  EXPECT_FALSE(PrivateDirectory::create(temp_.path_of("dangling")));
  EXPECT_FALSE(std::filesystem::exists(temp_.path_of("nowhere")));
}

TEST_F(PrivateDirectoryTest, RefusesWhatIsNoDirectory) {
  ASSERT_TRUE(create("d").write_file_atomically("f", ""));
  EXPECT_EQ(PrivateDirectory::open(temp_.path_of("d/f")).error().code.value(), ENOTDIR);
}

TEST_F(PrivateDirectoryTest, TakesAwayWhatOthersMayDoWhileItIsEmpty) {
  create("d");
  for (const mode_t mode : {0755U, 0777U, 0701U, 0710U, 0740U}) {
    ASSERT_EQ(chmod(temp_.path_of("d").c_str(), mode), 0);
    ASSERT_TRUE(PrivateDirectory::create(temp_.path_of("d")));
    EXPECT_EQ(mode_of(temp_.path_of("d")), 0700U);
  }
}

TEST_F(PrivateDirectoryTest, RefusesToTakeOverADirectoryThatIsOpenAndHoldsThings) {
  ASSERT_TRUE(create("d").write_file_atomically("f", "x"));
  ASSERT_EQ(chmod(temp_.path_of("d").c_str(), 0755), 0);
  EXPECT_FALSE(PrivateDirectory::create(temp_.path_of("d")));
  EXPECT_FALSE(PrivateDirectory::open(temp_.path_of("d")));
  EXPECT_EQ(mode_of(temp_.path_of("d")), 0755U) << "somebody else's arrangement stays as it was";
}

TEST_F(PrivateDirectoryTest, RefusesADirectoryOfSomebodyElse) {
  if (geteuid() != 0) GTEST_SKIP() << "giving a directory away takes root";
  create("d");
  ASSERT_EQ(chown(temp_.path_of("d").c_str(), 65534, 65534), 0);
  const auto refused = PrivateDirectory::create(temp_.path_of("d"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("65534"), std::string::npos);
}

TEST_F(PrivateDirectoryTest, HasChildrenOfTheSameKind) {
  const PrivateDirectory parent = create("d");
  EXPECT_EQ(parent.open_child("c").error().code.value(), ENOENT);
  const auto child = parent.create_child("c");
  ASSERT_TRUE(child);
  EXPECT_EQ(child->path(), temp_.path_of("d/c"));
  EXPECT_EQ(mode_of(child->path()), 0700U);
  EXPECT_TRUE(parent.open_child("c"));
  ASSERT_EQ(symlinkat("c", parent.fd(), "link"), 0);
  EXPECT_FALSE(parent.open_child("link"));
  EXPECT_FALSE(parent.create_child("link"));
}

TEST_F(PrivateDirectoryTest, FollowsNoLinkToAFile) {
  const PrivateDirectory directory = create("d");
  ASSERT_TRUE(directory.write_file_atomically("target", "secret"));
  ASSERT_EQ(symlinkat("target", directory.fd(), "link"), 0);
  EXPECT_EQ(directory.open_file("link", O_RDONLY).error().code.value(), ELOOP);
  EXPECT_FALSE(directory.open_file("link", O_RDWR | O_CREAT));
  EXPECT_FALSE(directory.read_file("link", 100));
}

TEST_F(PrivateDirectoryTest, OpensRegularFilesOfOursOnlyAndNeverBlocks) {
  const PrivateDirectory directory = create("d");
  ASSERT_EQ(mkfifoat(directory.fd(), "fifo", 0600), 0);
  EXPECT_FALSE(directory.open_file("fifo", O_RDONLY));
  EXPECT_FALSE(directory.open_file("fifo", O_WRONLY));
  ASSERT_TRUE(directory.create_child("child"));
  EXPECT_FALSE(directory.open_file("child", O_RDONLY));
  EXPECT_EQ(directory.open_file("missing", O_RDONLY).error().code.value(), ENOENT);
  if (geteuid() == 0) {
    ASSERT_TRUE(directory.write_file_atomically("theirs", "x"));
    ASSERT_EQ(fchownat(directory.fd(), "theirs", 65534, 65534, 0), 0);
    EXPECT_FALSE(directory.open_file("theirs", O_RDONLY));
  }
}

TEST_F(PrivateDirectoryTest, MakesFilesForUsAloneAndCloseOnExec) {
  const PrivateDirectory directory = create("d");
  const mode_t before = umask(0);
  const auto file = directory.open_file("f", O_RDWR | O_CREAT);
  umask(before);
  ASSERT_TRUE(file);
  EXPECT_EQ(mode_of(directory.path_of("f")), 0600U);
  EXPECT_NE(fcntl(file->get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(PrivateDirectoryTest, StaysTheSameDirectoryWhoeverMovesItsPath) {
  const PrivateDirectory directory = create("d");
  create("evil");
  std::filesystem::rename(temp_.path_of("d"), temp_.path_of("moved"));
  std::filesystem::create_directory_symlink(temp_.path_of("evil"), temp_.path_of("d"));
  ASSERT_TRUE(directory.write_file_atomically("f", "ours"));
  EXPECT_EQ(*read_text_file(temp_.path_of("moved/f"), 10), "ours");
  EXPECT_TRUE(std::filesystem::is_empty(temp_.path_of("evil")));
}

TEST_F(PrivateDirectoryTest, ListsRemovesAndRenames) {
  const PrivateDirectory directory = create("d");
  EXPECT_TRUE(directory.list().empty());
  for (const char* name : {"a", "b"}) ASSERT_TRUE(directory.write_file_atomically(name, name));
  auto names = directory.list();
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(directory.remove("a"));
  EXPECT_FALSE(directory.remove("a"));
  ASSERT_TRUE(directory.rename("b", "c"));
  EXPECT_EQ(directory.list(), std::vector<std::string>{"c"});
  EXPECT_EQ(directory.rename("b", "c").error().code.value(), ENOENT);
}

TEST_F(PrivateDirectoryTest, ReadsNoMoreThanTheLimit) {
  const PrivateDirectory directory = create("d");
  ASSERT_TRUE(directory.write_file_atomically("f", std::string(100, 'x')));
  EXPECT_EQ(directory.read_file("f", 100)->size(), 100U);
  EXPECT_EQ(directory.read_file("f", 99).error().code.value(), EFBIG);
}

TEST_F(PrivateDirectoryTest, ReplacesAFileInOneStepAndLeavesNothingElse) {
  const PrivateDirectory directory = create("d");
  for (const char* content : {"first", "second", ""}) {
    ASSERT_TRUE(directory.write_file_atomically("f", content));
    EXPECT_EQ(*directory.read_file("f", 100), content);
  }
  EXPECT_EQ(mode_of(directory.path_of("f")), 0600U);
  EXPECT_EQ(directory.list(), std::vector<std::string>{"f"});
}

TEST_F(PrivateDirectoryTest, KeepsTheOldFileWhenTheNewOneCannotTakeItsPlace) {
  const PrivateDirectory directory = create("d");
  ASSERT_TRUE(directory.create_child("f"));
  EXPECT_FALSE(directory.write_file_atomically("f", "x"));
  EXPECT_EQ(directory.list(), std::vector<std::string>{"f"});
}

TEST_F(PrivateDirectoryTest, ReadersSeeOneContentOrTheOtherWhileItIsReplaced) {
  const PrivateDirectory directory = create("d");
  constexpr std::size_t kSize = 300'000;
  ASSERT_TRUE(directory.write_file_atomically("f", std::string(kSize, 'a')));
  // Killed at arbitrary moments of writing, over and over.
  for (int round = 0; round < 15; ++round) {
    auto started = make_pipe();
    Forked writer([&] {
      const std::string contents[] = {std::string(kSize, 'b'), std::string(kSize, 'c')};
      if (write(started->second.get(), "x", 1) != 1) return 1;
      for (unsigned i = 0;; ++i) {
        if (!directory.write_file_atomically("f", contents[i % 2])) return 1;
      }
    });
    ASSERT_TRUE(testing::readable(started->first.get()));
    for (int reading = 0; reading <= round; ++reading) {
      const auto text = directory.read_file("f", kSize);
      ASSERT_TRUE(text);
      ASSERT_EQ(text->size(), kSize);
      ASSERT_EQ(text->find_first_not_of(text->front()), std::string::npos);
    }
    writer.kill(SIGKILL);
    ASSERT_EQ(writer.wait(), 128 + SIGKILL);
    const auto left = directory.read_file("f", kSize);
    ASSERT_TRUE(left);
    ASSERT_EQ(left->size(), kSize);
    ASSERT_EQ(left->find_first_not_of(left->front()), std::string::npos);
  }
  EXPECT_TRUE(directory.write_file_atomically("f", "after all that"));
}

TEST_F(PrivateDirectoryTest, WritesWhateverAProcessOfTheSameNumberLeftBehind) {
  // Process numbers recur, soonest of all in a pid namespace: what the last bearer of ours was
  // killed in the middle of must not make our own write fail.
  const PrivateDirectory directory = create("d");
  for (int serial = 0; serial < 500; ++serial) {
    const std::string name = ".f." + std::to_string(getpid()) + "." + std::to_string(serial);
    ASSERT_TRUE(directory.open_file(name, O_WRONLY | O_CREAT));
  }
  const auto written = directory.write_file_atomically("f", "new");
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_EQ(*directory.read_file("f", 10), "new");
}

}  // namespace
}  // namespace fairlead::base
