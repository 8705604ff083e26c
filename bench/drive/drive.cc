// drive: a client that makes a connection for every request, or holds many connections open.
//
//   drive new HOST PORT CONNECTIONS SECONDS BYTES [LIMIT]
//       keeps CONNECTIONS in flight: connect, one GET, read to the end, close. Each answer must
//       be 200 with a body of BYTES times 'x'. Stops after SECONDS, or after LIMIT requests.
//       Latency is from connect() to the end of the stream. Prints one line of JSON.
//   drive hold HOST PORT COUNT
//       opens COUNT connections, prints "held COUNT", keeps them until its standard input ends.
//
// wrk has its clock start after the connection is there; a relay's work before that would not
// show. One thread, level-triggered epoll, the same for every path.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/net.h"
#include "base/unique_fd.h"

namespace {

using Clock = std::chrono::steady_clock;
using fairlead::base::UniqueFd;

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n";

sockaddr_in address_of(const char* host, const char* port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
    std::fprintf(stderr, "drive: %s is no IPv4 address\n", host);
    std::exit(2);
  }
  return address;
}

UniqueFd begin_connecting(const sockaddr_in& address) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int one = 1;
  if (!fd) return fd;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    fd.reset();
  }
  return fd;
}

struct Slot {
  UniqueFd fd;
  Clock::time_point began;
  bool sent = false;
  std::string answer;
};

class Flood {
 public:
  Flood(const sockaddr_in& address, std::size_t connections, std::size_t body_bytes,
        std::uint64_t limit)
      : address_(address),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        slots_(connections),
        body_bytes_(body_bytes),
        limit_(limit) {
    micros_.reserve(1U << 20);
  }

  void run(std::chrono::duration<double> duration) {
    const auto began = Clock::now();
    const auto end = began + std::chrono::duration_cast<Clock::duration>(duration);
    // What hangs is given up, counted as an error and not waited for.
    const auto give_up = end + std::chrono::seconds(10);
    for (Slot& slot : slots_) start(slot);
    std::array<epoll_event, 256> events{};
    while (open_ > 0 && Clock::now() < give_up) {
      const int count = epoll_wait(epoll_.get(), events.data(), events.size(), 100);
      stopping_ = stopping_ || Clock::now() >= end;
      for (int i = 0; i < count; ++i) {
        advance(*static_cast<Slot*>(events[static_cast<std::size_t>(i)].data.ptr));
      }
    }
    errors_ += open_;
    seconds_ = std::chrono::duration<double>(Clock::now() - began).count();
  }

  void print() {
    std::sort(micros_.begin(), micros_.end());
    const auto at = [&](double share) {
      if (micros_.empty()) return 0.0;
      const auto last = static_cast<double>(micros_.size() - 1);
      return static_cast<double>(micros_[static_cast<std::size_t>(last * share)]);
    };
    std::printf(
        "{\"count\": %zu, \"errors\": %llu, \"seconds\": %.6f, \"rate\": %.1f, "
        "\"p50_us\": %.0f, \"p99_us\": %.0f}\n",
        micros_.size(), static_cast<unsigned long long>(errors_), seconds_,
        static_cast<double>(micros_.size()) / seconds_, at(0.5), at(0.99));
  }

 private:
  void start(Slot& slot) {
    if (limit_ != 0 && started_ >= limit_) stopping_ = true;
    if (stopping_) return;
    ++started_;
    slot.began = Clock::now();
    slot.sent = false;
    slot.answer.clear();
    slot.fd = begin_connecting(address_);
    epoll_event event{};
    event.events = EPOLLOUT;
    event.data.ptr = &slot;
    if (!slot.fd || epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, slot.fd.get(), &event) != 0) {
      ++errors_;
      slot.fd.reset();
      if (errors_ > 1000) stopping_ = true;
      return;
    }
    ++open_;
  }

  void advance(Slot& slot) {
    if (!slot.sent) {
      if (send(slot.fd.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(kRequest.size())) {
        return finish(slot, false);
      }
      slot.sent = true;
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = &slot;
      epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, slot.fd.get(), &event);
      return;
    }
    std::array<char, 4096> buffer;
    const ssize_t size = recv(slot.fd.get(), buffer.data(), buffer.size(), 0);
    if (size > 0) {
      slot.answer.append(buffer.data(), static_cast<std::size_t>(size));
    } else if (size == 0) {
      finish(slot, good(slot.answer));
    } else if (errno != EAGAIN) {
      finish(slot, false);
    }
  }

  bool good(std::string_view answer) const {
    const std::size_t body = answer.find("\r\n\r\n");
    return answer.starts_with("HTTP/1.1 200") && body != std::string_view::npos &&
           answer.size() - body - 4 == body_bytes_ &&
           answer.find_first_not_of('x', body + 4) == std::string_view::npos;
  }

  void finish(Slot& slot, bool well) {
    if (well) {
      const auto took =
          std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - slot.began);
      micros_.push_back(static_cast<std::uint32_t>(took.count()));
    } else {
      ++errors_;
      if (errors_ > 1000) stopping_ = true;  // something is wrong; not a measurement any more
    }
    slot.fd.reset();
    --open_;
    start(slot);
  }

  const sockaddr_in address_;
  UniqueFd epoll_;
  std::vector<Slot> slots_;
  const std::size_t body_bytes_;
  const std::uint64_t limit_;
  std::vector<std::uint32_t> micros_;
  std::uint64_t started_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t open_ = 0;
  double seconds_ = 0;
  bool stopping_ = false;
};

int hold(const sockaddr_in& address, std::size_t count) {
  fairlead::base::raise_descriptor_limit();
  std::vector<UniqueFd> held;
  for (std::size_t i = 0; i < count; ++i) {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd ||
        connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      std::fprintf(stderr, "drive: connection %zu: %s\n", i + 1, std::strerror(errno));
      return 1;
    }
    held.push_back(std::move(fd));
  }
  std::printf("held %zu\n", held.size());
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}

int usage() {
  std::fprintf(stderr,
               "usage: drive new HOST PORT CONNECTIONS SECONDS BYTES [LIMIT]\n"
               "       drive hold HOST PORT COUNT\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "hold" && argc == 5) {
    return hold(address_of(argv[2], argv[3]), std::strtoul(argv[4], nullptr, 10));
  }
  if (mode != "new" || argc < 7 || argc > 8) return usage();
  Flood flood(address_of(argv[2], argv[3]), std::strtoul(argv[4], nullptr, 10),
              std::strtoul(argv[6], nullptr, 10),
              argc == 8 ? std::strtoull(argv[7], nullptr, 10) : 0);
  flood.run(std::chrono::duration<double>(std::strtod(argv[5], nullptr)));
  flood.print();
  return 0;
}
