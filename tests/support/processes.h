// Processes of tests: forked functions, waiting for conditions, counting what must not leak.
#pragma once

#include <dirent.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace fairlead::testing {

// Long enough for a busy machine under a sanitizer; a test that passes never waits for it.
inline constexpr auto kPatience = std::chrono::seconds(60);
inline constexpr int kPatienceMs = 60'000;

// Waits until `condition` holds; false if it does not within kPatience.
template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// Waits until a descriptor can be read from (a pipe, a pidfd, a socket) or has ended.
inline bool readable(int fd, int patience_ms = kPatienceMs) {
  pollfd entry{fd, POLLIN, 0};
  return poll(&entry, 1, patience_ms) == 1;
}

inline constexpr int kThrew = 250;  // status of a forked process whose body threw

// A forked process that runs `body` and ends with its result; killed and reaped at the latest with
// this object. Fork only while the test program has one thread.
class Forked {
 public:
  template <class Body>
  explicit Forked(Body body) : pid_(fork()) {
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      _exit(body());
    } catch (const std::exception& error) {
      // Never back into the test program, which would then run twice.
      std::fprintf(stderr, "forked process: %s\n", error.what());
      _exit(kThrew);
    }
  }
  Forked(const Forked&) = delete;
  Forked& operator=(const Forked&) = delete;
  ~Forked() {
    kill(SIGKILL);
    wait();
  }

  pid_t pid() const { return pid_; }
  void kill(int signal_number) {
    if (!reaped_) ::kill(pid_, signal_number);
  }
  // Until it has ended; it stays a zombie.
  void wait_for_end() const {
    siginfo_t info;
    while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
    }
  }
  // Exit status, or 128 + signal.
  int wait() {
    if (std::exchange(reaped_, true)) return status_;
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return status_;
  }

 private:
  pid_t pid_;
  bool reaped_ = false;
  int status_ = -1;
};

// Runs `body` in a process of its own, for things that would harm the test program.
template <class Body>
int in_child(Body body) {
  return Forked(std::move(body)).wait();
}

inline std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* directory = opendir("/proc/self/fd");
  while (directory != nullptr && readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count - 3;  // ".", ".." and the directory itself
}

// Whether any child, dead or alive, is left to be waited for.
inline bool has_children() {
  siginfo_t info;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

// FAIRLEAD_REQUIRE=a,b: what must not be skipped.
inline bool required(std::string_view capability) {
  const char* list = std::getenv("FAIRLEAD_REQUIRE");
  const std::string all = "," + std::string(list != nullptr ? list : "") + ",";
  return all.find("," + std::string(capability) + ",") != std::string::npos;
}

}  // namespace fairlead::testing

// Skips the test with the reason, or fails it where FAIRLEAD_REQUIRE lists the capability.
#define FAIRLEAD_SKIP(capability, reason)                                              \
  do {                                                                                 \
    if (::fairlead::testing::required(capability)) FAIL() << "required: " << (reason); \
    GTEST_SKIP() << (reason);                                                          \
  } while (false)
