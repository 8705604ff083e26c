#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <stdexcept>

namespace fairlead::base {
namespace {

TEST(Error, NamesTheOperationAndWhatTheSystemSays) {
  const Error error = errno_error(EADDRINUSE, "bind 127.0.0.1:3000");
  EXPECT_EQ(error.message(), "bind 127.0.0.1:3000: Address already in use");
  EXPECT_EQ(error.code, std::errc::address_in_use);
}

TEST(Error, IsASentenceOfItsOwnWithoutACode) {
  EXPECT_EQ(plain_error("the container uses this host's own network").message(),
            "the container uses this host's own network");
  EXPECT_FALSE(plain_error("x").code);
}

TEST(Error, SaysWhatTheSystemSaysWithoutAContext) {
  EXPECT_EQ(errno_error(ENOENT, "").message(), "No such file or directory");
}

TEST(Error, TakesTheCodeFromErrno) {
  errno = EACCES;
  EXPECT_EQ(errno_error("open x").code.value(), EACCES);
}

Result<std::unique_ptr<int>> number(bool good) {
  if (!good) return plain_error("no number");
  return std::make_unique<int>(7);
}

TEST(Result, HoldsAValueOrAnError) {
  const auto good = number(true);
  ASSERT_TRUE(good);
  EXPECT_EQ(**good, 7);
  const auto bad = number(false);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message(), "no number");
}

TEST(Result, OfNothingIsSuccessByDefault) {
  EXPECT_TRUE(Result<void>{});
  EXPECT_FALSE(Result<void>(plain_error("x")));
}

TEST(Result, ValueOfAnErrorIsABugOfTheCaller) {
  EXPECT_THROW((void)number(false).value(), std::logic_error);
}

}  // namespace
}  // namespace fairlead::base
