// What the tests of a multiplexed connection share: the real agent, a channel to it and what may
// stand between them, streams whose every byte is checked.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/agent_image.h"
#include "base/child_process.h"
#include "base/net.h"
#include "target/mux/channel.h"
#include "tests/support/byte_stream.h"
#include "tests/support/processes.h"
#include "tests/support/temp_dir.h"

namespace fairlead::testing {

using target::mux::Channel;

inline constexpr std::string_view kNonce = "00112233445566778899aabbccddeeff";

struct FdPair {
  base::UniqueFd one;
  base::UniqueFd other;
};

// `buffer`: of each end, in bytes; 0 leaves it as it is.
inline FdPair socket_pair(int buffer = 0) {
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return {};
  for (const int end : ends) {
    if (buffer > 0) setsockopt(end, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  }
  return {base::UniqueFd(ends[0]), base::UniqueFd(ends[1])};
}

inline void make_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

// What a channel has told. Outlives it.
class Told {
 public:
  Channel::Handlers handlers() {
    Channel::Handlers result;
    result.on_joined = [this] { ++joined; };
    result.on_listeners = [this](const base::Result<std::string>& answer) {
      const std::lock_guard lock(mutex_);
      listeners_.push_back(answer ? *answer : "failed: " + answer.error().message());
    };
    result.on_owners = [this](Channel::Owners owners) {
      const std::lock_guard lock(mutex_);
      owners_.push_back(std::move(owners));
    };
    result.on_lost = [this](const std::string& why) {
      const std::lock_guard lock(mutex_);
      why_ = why;
      ++lost;
    };
    return result;
  }

  std::string why() {
    const std::lock_guard lock(mutex_);
    return why_;
  }
  std::vector<std::string> listeners() {
    const std::lock_guard lock(mutex_);
    return listeners_;
  }
  std::vector<Channel::Owners> owners() {
    const std::lock_guard lock(mutex_);
    return owners_;
  }
  std::atomic<int> joined{0};
  std::atomic<int> lost{0};

 private:
  std::mutex mutex_;
  std::string why_;
  std::vector<std::string> listeners_;
  std::vector<Channel::Owners> owners_;
};

// The agent as it is put into containers, started here; killed at the latest with this object.
class Agent {
 public:
  Agent(int in, int out) {
    static const TempDir folder;
    static const std::string program = [] {
      std::string path = folder.path_of("fairlead-agent");
      std::ofstream(path, std::ios::binary) << agent::agent_program();
      std::filesystem::permissions(path, std::filesystem::perms::owner_all);
      return path;
    }();
    base::SpawnOptions how;
    how.argv = {program, "--mux", std::string(kNonce)};
    how.stdin_fd = in;
    how.stdout_fd = out;
    auto child = base::spawn(how);
    if (child) {
      child_.emplace(std::move(*child));
    } else {
      ADD_FAILURE() << child.error().message();
    }
  }
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  ~Agent() {
    if (!child_) return;
    kill();
    child_->wait();
  }
  void kill() {
    if (child_ && !child_->try_wait()) child_->kill();
  }
  // By itself, before anybody's patience ends.
  bool ends() { return child_ && readable(child_->pidfd().get()); }

 private:
  std::optional<base::ChildProcess> child_;
};

// Passes bytes on between a channel and its agent, in pieces of odd sizes; at one point of one
// direction something may happen. A thread; what it connects is closed when either side has ended.
class Between {
 public:
  struct Point {
    bool from_agent = true;
    std::size_t after = SIZE_MAX;  // bytes of that direction
    bool cut = false;              // nothing more is passed on, either way
    std::string garbage = {};      // comes between the bytes
    std::function<void()> act = {};
  };

  Between(base::UniqueFd channel, base::UniqueFd to_agent, base::UniqueFd from_agent,
          std::uint64_t seed, Point point)
      : channel_(std::move(channel)),
        to_agent_(std::move(to_agent)),
        from_agent_(std::move(from_agent)),
        point_(std::move(point)),
        random_(seed) {
    for (const base::UniqueFd* fd : {&channel_, &to_agent_, &from_agent_}) {
      make_nonblocking(fd->get());
    }
    thread_ = std::thread([this] { run(); });
  }
  Between(const Between&) = delete;
  Between& operator=(const Between&) = delete;
  // After the channel and its agent.
  ~Between() { thread_.join(); }

 private:
  struct Way {
    int source;
    int sink;
    bool from_agent;
    std::size_t passed = 0;
    bool ended = false;
    std::string pending = {};
  };

  void run() {
    Way ways[2] = {{channel_.get(), to_agent_.get(), false},
                   {from_agent_.get(), channel_.get(), true}};
    while (step(ways)) {
    }
    channel_.reset();
    to_agent_.reset();
    from_agent_.reset();
  }

  bool step(Way (&ways)[2]) {
    pollfd entries[4];
    for (std::size_t i = 0; i < 2; ++i) {
      const bool full = !ways[i].pending.empty();
      entries[2 * i] = {full ? -1 : ways[i].source, POLLIN, 0};
      entries[2 * i + 1] = {full ? ways[i].sink : -1, POLLOUT, 0};
    }
    if (poll(entries, 4, kPatienceMs) <= 0) return false;
    for (std::size_t i = 0; i < 2; ++i) {
      if (entries[2 * i].revents != 0 && !take(ways[i])) return false;
      if (entries[2 * i + 1].revents != 0 && !give(ways[i])) return false;
      if (ways[i].ended && ways[i].pending.empty()) return false;
    }
    return true;
  }

  bool take(Way& way) {
    static constexpr std::array<std::size_t, 8> kSizes{1, 3, 7, 13, 64, 1023, 4095, 40'001};
    std::size_t most = kSizes[random_() % kSizes.size()];
    const bool watched = !passed_point_ && way.from_agent == point_.from_agent;
    if (watched) {
      most = std::min(most, point_.after - way.passed);
      if (most == 0) {
        passed_point_ = true;
        if (point_.act) point_.act();
        way.pending = point_.garbage;
        return !point_.cut;
      }
    }
    std::string piece(most, '\0');
    const ssize_t count = read(way.source, piece.data(), most);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    way.ended = count <= 0;
    piece.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    way.passed += piece.size();
    way.pending = std::move(piece);
    return true;
  }

  static bool give(Way& way) {
    const ssize_t count = write(way.sink, way.pending.data(), way.pending.size());
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    way.pending.erase(0, static_cast<std::size_t>(count));
    return true;
  }

  base::UniqueFd channel_;
  base::UniqueFd to_agent_;
  base::UniqueFd from_agent_;
  const Point point_;
  bool passed_point_ = false;
  std::mt19937_64 random_;
  std::thread thread_;
};

}  // namespace fairlead::testing
