// The integration tests, and the programs they start: this very file under another first argument.
#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>

namespace {

// One line per open descriptor: its number and what it is.
int list_descriptors() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 1;
  while (const dirent* entry = readdir(directory)) {
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || name == std::to_string(dirfd(directory))) continue;
    char target[256] = {};
    const std::string link = "/proc/self/fd/" + name;
    if (readlink(link.c_str(), target, sizeof target - 1) > 0) {
      std::printf("%s %s\n", name.c_str(), target);
    }
  }
  closedir(directory);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "__list_descriptors") return list_descriptors();
  if (mode == "__wait") {
    // Until stdin ends, or a signal.
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return 0;
  }
  // What our own parent left open is none of the tests' business.
  syscall(SYS_close_range, 3U, ~0U, 0U);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
