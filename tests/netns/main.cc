// The namespace tests, and what they start: this very program as the socket helper, "__sockets",
// and as an engine's exec, "__exec".
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>

#include "target/socket_helper.h"
#include "tests/support/exec_entry.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "__sockets") {
    return fairlead::target::run_socket_helper();
  }
  if (argc > 1 && std::string_view(argv[1]) == fairlead::testing::kExecWord) {
    return fairlead::testing::run_exec_entry(argc, argv);
  }
  // What our own parent left open is none of the tests' business.
  syscall(SYS_close_range, 3U, ~0U, 0U);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
