#include "base/text_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/net.h"
#include "tests/support/temp_dir.h"

namespace fairlead::base {
namespace {

using testing::TempDir;

void write(const std::string& path, std::string_view text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  ASSERT_TRUE(write_all(fd, text, path));
}

TEST(TextFile, ReadsBackWhatWasWritten) {
  const TempDir directory;
  for (const std::size_t size : {0U, 1U, 4095U, 4096U, 4097U, 100'000U}) {
    const std::string text(size, 'x');
    write(directory.path_of("f"), text);
    const auto read = read_text_file(directory.path_of("f"), size);
    ASSERT_TRUE(read) << size;
    EXPECT_EQ(*read, text);
  }
}

TEST(TextFile, RefusesMoreThanTheLimit) {
  const TempDir directory;
  write(directory.path_of("f"), std::string(1001, 'x'));
  EXPECT_TRUE(read_text_file(directory.path_of("f"), 1001));
  const auto read = read_text_file(directory.path_of("f"), 1000);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code.value(), EFBIG);
}

TEST(TextFile, DoesNotReadAnEndlessFileToItsEnd) {
  const auto read = read_text_file("/dev/zero", 1U << 20);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code.value(), EFBIG);
}

TEST(TextFile, ReadsProcfsWhoseFilesClaimToBeEmpty) {
  const auto read = read_text_file("/proc/self/status", 1U << 16);
  ASSERT_TRUE(read);
  EXPECT_NE(read->find("Pid:"), std::string::npos);
}

TEST(TextFile, NamesTheFileThatCannotBeRead) {
  const TempDir directory;
  const auto missing = read_text_file(directory.path_of("missing"), 10);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code.value(), ENOENT);
  EXPECT_NE(missing.error().message().find("missing"), std::string::npos);
  EXPECT_EQ(read_text_file(directory.path(), 10).error().code.value(), EISDIR);
}

TEST(TextFile, WriteAllFailsWhereNothingCanBeWritten) {
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  const auto written = write_all(full, "x", "the disk");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message(), "write the disk: No space left on device");
}

}  // namespace
}  // namespace fairlead::base
