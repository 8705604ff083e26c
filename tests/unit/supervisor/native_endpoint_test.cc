#include "supervisor/engine/native_endpoint.h"

#include <gtest/gtest.h>

namespace fairlead::engine {
namespace {

TEST(NativeEndpoint, IsReadBackAsItWasWritten) {
  const NativeRun run{4242, 18446744073709551615U, "run-0123ab"};
  EXPECT_EQ(to_endpoint(run), "native:4242:18446744073709551615:run-0123ab");
  EXPECT_EQ(parse_native_endpoint(to_endpoint(run)), run);
}

TEST(NativeEndpoint, IsNothingElse) {
  for (const char* text :
       {"", "native:", "/var/run/docker.sock", "native:1:2", "native:1:2:", "native:0:2:x",
        "native:-1:2:x", "native:1:0:x", "native:1:-2:x", "native:1x:2:x", "native:1: 2:x",
        "native::2:x", "native:1::x", "native:99999999999999999999:2:x", "Native:1:2:x",
        "native:1:2:a/b", "native:1:2:../x", "native:1:2:x\n"}) {
    EXPECT_FALSE(parse_native_endpoint(text)) << text;
  }
}

TEST(RunName, IsAWordThatAFileNameCanHold) {
  for (const char* name : {"a", "7", "web", "Web.2_x-y", "run-0123ab"}) {
    EXPECT_TRUE(is_run_name(name)) << name;
  }
  EXPECT_TRUE(is_run_name(std::string(64, 'a')));
  for (const char* name :
       {"", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a:b", "a\n", "\xc3\xa9"}) {
    EXPECT_FALSE(is_run_name(name)) << name;
  }
  EXPECT_FALSE(is_run_name(std::string(65, 'a')));
}

}  // namespace
}  // namespace fairlead::engine
