// portd: the server that the end-to-end tests put into containers and onto the host.
//
// One static program with no needs: no shell, no libraries, no configuration. It listens where it
// is told, behaves in one well-defined way, and tells when listen() returned by the monotonic
// clock, which containers and host share. Connections are served by one thread each, which keeps
// every behaviour a plain function of a blocking descriptor; 2,000 at once cost little.
//
// Usage: portd MODE [ARGUMENTS] [OPTIONS], see kUsage.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr std::string_view kUsage = R"(usage: portd MODE ... [OPTIONS]
  http ADDR PORT TEXT     HTTP/1.1, answers every request with TEXT
  multi ADDR:PORT...      the same on many addresses, answering with the address
  echo ADDR PORT          sends back what it gets, then passes the end on
  source ADDR PORT BYTES  sends BYTES of the stream that `sum` describes, then FIN, reads to EOF
  sink ADDR PORT          reads to EOF, then answers "COUNT CRC32\n"
  reset ADDR PORT         resets each connection
  hold ADDR PORT          accepts and never reads
  witness ADDR PORT       greets with how the last connection that said anything ended, reads on
  remote PATH             starts and stops servers by lines over the Unix socket PATH:
                          "start MODE ..." -> "listening NS PID", "stop PID" -> "stopped NS NS"
  sum BYTES               prints "COUNT CRC32" of what `source` sends
  idle, sleepd            waits for a signal
options
  --delay MS       waits before listening
  --lifetime MS    exits so long after listening
  --stamp FILE     writes the CLOCK_MONOTONIC nanoseconds of listen()'s return into FILE
  --v6only 0|1     IPV6_V6ONLY (default 0)
  --first-byte     reset: only after the first byte has come
  --fin            witness: shuts its own direction down after the greeting
  --stall MS       sink: pauses once, after the first MiB
ADDR is IPv4, IPv6 or v4-mapped. Each server prints "listening NS" on stdout.
)";

using Milliseconds = std::chrono::milliseconds;

// --- small things -------------------------------------------------------------------------------

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "portd: %s\n", what.c_str());
  std::exit(1);
}

[[noreturn]] void fail_errno(const std::string& what) { fail(what + ": " + std::strerror(errno)); }

// Sole owner of one descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

std::uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t number(const std::string& text, const char* what) {
  char* end = nullptr;
  errno = 0;
  const unsigned long long value = std::strtoull(text.c_str(), &end, 10);
  if (errno != 0 || text.empty() || *end != '\0') fail(std::string("bad ") + what + ": " + text);
  return value;
}

// CRC-32 as zlib computes it, eight bytes at a time.
class Crc32 {
 public:
  void update(const unsigned char* data, std::size_t size) {
    static const Tables tables = make_tables();
    std::uint32_t crc = value_;
    for (; size >= 8; data += 8, size -= 8) {
      std::uint32_t low = 0;
      std::uint32_t high = 0;
      std::memcpy(&low, data, 4);
      std::memcpy(&high, data + 4, 4);
      low ^= crc;
      crc = tables[7][low & 0xff] ^ tables[6][(low >> 8) & 0xff] ^ tables[5][(low >> 16) & 0xff] ^
            tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][(high >> 8) & 0xff] ^
            tables[1][(high >> 16) & 0xff] ^ tables[0][high >> 24];
    }
    for (; size > 0; ++data, --size) crc = tables[0][(crc ^ *data) & 0xff] ^ (crc >> 8);
    value_ = crc;
  }
  std::uint32_t value() const { return ~value_; }

 private:
  using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

  static Tables make_tables() {
    Tables tables{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0U);
      tables[0][i] = crc;
    }
    for (std::size_t i = 0; i < 256; ++i) {
      for (std::size_t t = 1; t < 8; ++t) {
        tables[t][i] = (tables[t - 1][i] >> 8) ^ tables[0][tables[t - 1][i] & 0xff];
      }
    }
    return tables;
  }

  std::uint32_t value_ = 0xffffffffU;
};

// What a connection carried, for "COUNT CRC32".
struct Tally {
  std::uint64_t bytes = 0;
  Crc32 crc;

  void add(const unsigned char* data, std::size_t size) {
    bytes += size;
    crc.update(data, size);
  }
  std::string text() const {
    std::array<char, 64> line{};
    std::snprintf(line.data(), line.size(), "%llu %08x", static_cast<unsigned long long>(bytes),
                  crc.value());
    return line.data();
  }
};

// The stream of `source`: 64-bit words, each a scrambled form of its own position, so that a byte
// lost, doubled or moved changes the checksum.
void fill_stream(std::uint64_t offset_words, std::vector<unsigned char>& block) {
  for (std::size_t at = 0; at + 8 <= block.size(); at += 8) {
    std::uint64_t x = (offset_words + at / 8 + 1) * 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    x ^= x >> 31;
    std::memcpy(&block[at], &x, 8);
  }
}

constexpr std::size_t kBlockBytes = 256 * 1024;

// --- blocking input and output ------------------------------------------------------------------

// Returns bytes read, 0 at EOF, -1 on an error (errno says which).
ssize_t read_some(int fd, unsigned char* data, std::size_t size) {
  while (true) {
    const ssize_t got = ::recv(fd, data, size, 0);
    if (got >= 0 || errno != EINTR) return got;
  }
}

bool write_all(int fd, const void* data, std::size_t size) {
  const auto* at = static_cast<const unsigned char*>(data);
  while (size > 0) {
    const ssize_t put = ::send(fd, at, size, MSG_NOSIGNAL);
    if (put < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    at += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

bool write_all(int fd, const std::string& text) { return write_all(fd, text.data(), text.size()); }

// --- options ------------------------------------------------------------------------------------

struct Options {
  std::vector<std::string> words;  // the mode and its arguments
  Milliseconds delay{0};
  Milliseconds lifetime{0};  // 0: for ever
  Milliseconds stall{0};
  std::string stamp;
  bool v6only = false;
  bool first_byte = false;
  bool fin = false;
};

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    const auto value = [&]() -> const std::string& {
      if (i + 1 >= arguments.size()) fail("missing value after " + word);
      return arguments[++i];
    };
    const auto milliseconds = [&] {
      return Milliseconds(static_cast<Milliseconds::rep>(number(value(), "milliseconds")));
    };
    if (word == "--delay") {
      options.delay = milliseconds();
    } else if (word == "--lifetime") {
      options.lifetime = milliseconds();
    } else if (word == "--stall") {
      options.stall = milliseconds();
    } else if (word == "--stamp") {
      options.stamp = value();
    } else if (word == "--v6only") {
      options.v6only = value() == "1";
    } else if (word == "--first-byte") {
      options.first_byte = true;
    } else if (word == "--fin") {
      options.fin = true;
    } else if (word.starts_with("--")) {
      fail("unknown option " + word);
    } else {
      options.words.push_back(word);
    }
  }
  return options;
}

// --- listening ----------------------------------------------------------------------------------

Fd listen_on(const std::string& address, std::uint64_t port, bool v6only) {
  if (port > 65535) fail("bad port");
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  const auto network_port = htons(static_cast<std::uint16_t>(port));
  const bool is_v4 = ::inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1;
  if (is_v4) {
    v4.sin_family = AF_INET;
    v4.sin_port = network_port;
  } else if (::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = network_port;
  } else {
    fail("bad address: " + address);
  }
  const std::string where = address + " port " + std::to_string(port);
  Fd fd(::socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) fail_errno("socket for " + where);
  const int on = 1;
  const int only = v6only ? 1 : 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!is_v4) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
  const auto* generic =
      is_v4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
  const socklen_t length = is_v4 ? sizeof v4 : sizeof v6;
  if (::bind(fd.get(), generic, length) != 0) fail_errno("bind " + where);
  if (::listen(fd.get(), 4096) != 0) fail_errno("listen " + where);
  return fd;
}

// Tells when the last listen() returned: a line on stdout and, if asked, a file that appears whole.
void announce(const Options& options, std::uint64_t listening_ns) {
  std::printf("listening %llu\n", static_cast<unsigned long long>(listening_ns));
  std::fflush(stdout);
  if (options.stamp.empty()) return;
  const std::string draft = options.stamp + ".draft";
  FILE* file = std::fopen(draft.c_str(), "we");
  if (file == nullptr) fail_errno("open " + draft);
  std::fprintf(file, "%llu\n", static_cast<unsigned long long>(listening_ns));
  if (std::fclose(file) != 0) fail_errno("write " + draft);
  if (std::rename(draft.c_str(), options.stamp.c_str()) != 0) fail_errno("rename " + draft);
}

// One listener's behaviour: runs on the connection's own thread and closes it by returning.
using Service = std::function<void(Fd connection)>;

struct Door {
  Fd listener;
  Service service;
};

// Accepts on all doors until the lifetime is over. Out of descriptors or threads, it backs off.
void serve(const std::vector<Door>& doors, Milliseconds lifetime) {
  std::vector<pollfd> polls;
  for (const Door& door : doors) {
    ::fcntl(door.listener.get(), F_SETFL, O_NONBLOCK);
    polls.push_back({.fd = door.listener.get(), .events = POLLIN, .revents = 0});
  }
  const auto end = std::chrono::steady_clock::now() + lifetime;
  while (true) {
    int timeout_ms = -1;
    if (lifetime.count() > 0) {
      const auto left = std::chrono::ceil<Milliseconds>(end - std::chrono::steady_clock::now());
      if (left.count() <= 0) return;
      timeout_ms = static_cast<int>(left.count());
    }
    if (::poll(polls.data(), polls.size(), timeout_ms) < 0 && errno != EINTR) fail_errno("poll");
    for (std::size_t i = 0; i < polls.size(); ++i) {
      if ((polls[i].revents & POLLIN) == 0) continue;
      Fd connection(::accept4(polls[i].fd, nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) {
        if (errno == EMFILE || errno == ENFILE) std::this_thread::sleep_for(Milliseconds(5));
        continue;
      }
      const int on = 1;
      ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      try {
        std::thread(doors[i].service, std::move(connection)).detach();
      } catch (const std::system_error&) {
        std::this_thread::sleep_for(Milliseconds(5));
      }
    }
  }
}

// --- services -----------------------------------------------------------------------------------

Service http(const std::string& text) {
  const std::string tail =
      "Content-Type: text/plain\r\nContent-Length: " + std::to_string(text.size());
  const std::string kept = "HTTP/1.1 200 OK\r\n" + tail + "\r\n\r\n" + text;
  const std::string last = "HTTP/1.1 200 OK\r\nConnection: close\r\n" + tail + "\r\n\r\n" + text;
  return [kept, last](Fd connection) {
    std::array<unsigned char, 4096> chunk{};
    std::string pending;
    while (true) {
      const std::size_t head_end = pending.find("\r\n\r\n");
      if (head_end == std::string::npos) {
        const ssize_t got = read_some(connection.get(), chunk.data(), chunk.size());
        if (got <= 0) return;
        pending.append(chunk.begin(), chunk.begin() + got);
        continue;
      }
      std::string head = pending.substr(0, head_end);
      pending.erase(0, head_end + 4);
      for (char& c : head) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      const bool close = head.find("connection: close") != std::string::npos ||
                         head.find("http/1.0") != std::string::npos;
      if (!write_all(connection.get(), close ? last : kept) || close) return;
    }
  };
}

void echo(Fd connection) {
  std::vector<unsigned char> block(64 * 1024);
  while (true) {
    const ssize_t got = read_some(connection.get(), block.data(), block.size());
    if (got <= 0) break;
    if (!write_all(connection.get(), block.data(), static_cast<std::size_t>(got))) return;
  }
  ::shutdown(connection.get(), SHUT_WR);
}

void source(const Fd& connection, std::uint64_t bytes) {
  std::vector<unsigned char> block(kBlockBytes);
  for (std::uint64_t sent = 0; sent < bytes;) {
    fill_stream(sent / 8, block);
    const std::uint64_t part = std::min<std::uint64_t>(block.size(), bytes - sent);
    if (!write_all(connection.get(), block.data(), static_cast<std::size_t>(part))) return;
    sent += part;
  }
  ::shutdown(connection.get(), SHUT_WR);
  while (read_some(connection.get(), block.data(), block.size()) > 0) {
  }
}

void sink(const Fd& connection, Milliseconds stall) {
  std::vector<unsigned char> block(kBlockBytes);
  Tally tally;
  while (true) {
    const ssize_t got = read_some(connection.get(), block.data(), block.size());
    if (got < 0) return;
    if (got == 0) break;
    tally.add(block.data(), static_cast<std::size_t>(got));
    if (stall.count() > 0 && tally.bytes >= 1024 * 1024) {
      std::this_thread::sleep_for(std::exchange(stall, Milliseconds(0)));
    }
  }
  write_all(connection.get(), tally.text() + "\n");
}

void reset(const Fd& connection, bool first_byte) {
  unsigned char byte = 0;
  if (first_byte) read_some(connection.get(), &byte, 1);
  const linger abort{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(connection.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

void hold(const Fd& connection) {
  pollfd end{.fd = connection.get(), .events = 0, .revents = 0};  // only errors and hang-ups
  while (::poll(&end, 1, -1) < 0 && errno == EINTR) {
  }
}

Service witness(bool fin) {
  struct Memory {
    std::mutex mutex;
    std::string previous = "none";
  };
  return [fin, memory = std::make_shared<Memory>()](Fd connection) {
    std::string greeting;
    {
      const std::lock_guard lock(memory->mutex);
      greeting = "previous: " + memory->previous + "\n";
    }
    write_all(connection.get(), greeting);
    if (fin) ::shutdown(connection.get(), SHUT_WR);
    std::vector<unsigned char> block(64 * 1024);
    Tally tally;
    ssize_t got = 0;
    while ((got = read_some(connection.get(), block.data(), block.size())) > 0) {
      tally.add(block.data(), static_cast<std::size_t>(got));
    }
    const std::lock_guard lock(memory->mutex);
    // Who asks and says nothing is no news: it may end after the one that it asks about.
    if (got != 0 || tally.bytes != 0) {
      memory->previous = (got == 0 ? "eof " : "reset ") + tally.text();
    }
  };
}

// --- remote -------------------------------------------------------------------------------------

std::vector<std::string> split(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// Starts this program anew with `words`; answers with its first line of output and its pid.
std::string start_server(const std::vector<std::string>& words, std::vector<pid_t>& children) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return "error pipe";
  Fd output(ends[0]);
  pid_t pid = 0;
  {
    const Fd input(ends[1]);
    std::vector<std::string> copy = words;
    std::string name = "portd";
    std::vector<char*> argv = {name.data()};
    for (std::string& word : copy) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input.get(), STDOUT_FILENO);
    const int error =
        ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return std::string("error ") + std::strerror(error);
  }
  children.push_back(pid);
  std::string line;
  char byte = 0;
  while (::read(output.get(), &byte, 1) == 1 && byte != '\n') line.push_back(byte);
  return (line.empty() ? "error no listener" : line) + " " + std::to_string(pid);
}

std::string stop_server(pid_t pid, std::vector<pid_t>& children) {
  if (std::erase(children, pid) == 0) return "error no such server";
  const std::uint64_t before = monotonic_ns();
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return "stopped " + std::to_string(before) + " " + std::to_string(monotonic_ns());
}

// One controlling connection; the servers that it started end with it.
void control(const Fd& connection) {
  std::vector<pid_t> children;
  std::string line;
  unsigned char byte = 0;
  while (read_some(connection.get(), &byte, 1) == 1) {
    if (byte != '\n') {
      line.push_back(static_cast<char>(byte));
      continue;
    }
    std::vector<std::string> words = split(std::exchange(line, {}));
    std::string answer = "error what?";
    if (words.size() >= 2 && words[0] == "start") {
      answer = start_server({words.begin() + 1, words.end()}, children);
    } else if (words.size() == 2 && words[0] == "stop") {
      answer = stop_server(static_cast<pid_t>(number(words[1], "pid")), children);
    }
    if (!write_all(connection.get(), answer + "\n")) break;
  }
  while (!children.empty()) stop_server(children.back(), children);
}

Fd listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) fail("path too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  ::unlink(path.c_str());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), 16) != 0) {
    fail_errno("listen " + path);
  }
  return fd;
}

// --- main ---------------------------------------------------------------------------------------

std::vector<Door> open_doors(const Options& options) {
  const std::vector<std::string>& words = options.words;
  const std::string& mode = words[0];
  std::vector<Door> doors;
  if (mode == "remote" && words.size() == 2) {
    doors.push_back({listen_unix(words[1]), control});
    return doors;
  }
  if (mode == "multi" && words.size() > 1) {
    for (std::size_t i = 1; i < words.size(); ++i) {
      const std::size_t colon = words[i].rfind(':');
      if (colon == std::string::npos) fail("bad ADDR:PORT: " + words[i]);
      std::string address = words[i].substr(0, colon);
      if (address.starts_with('[') && address.ends_with(']')) {
        address = address.substr(1, address.size() - 2);
      }
      doors.push_back(
          {listen_on(address, number(words[i].substr(colon + 1), "port"), options.v6only),
           http(words[i])});
    }
    return doors;
  }
  const bool takes_argument = mode == "http" || mode == "source";
  if (words.size() != (takes_argument ? 4 : 3)) fail("wrong arguments; try --help");
  Service service;
  if (mode == "http") service = http(words[3]);
  if (mode == "echo") service = echo;
  if (mode == "source") {
    service = [bytes = number(words[3], "bytes")](Fd fd) { source(fd, bytes); };
  }
  if (mode == "sink") service = [stall = options.stall](Fd fd) { sink(fd, stall); };
  if (mode == "reset") service = [first = options.first_byte](Fd fd) { reset(fd, first); };
  if (mode == "hold") service = hold;
  if (mode == "witness") service = witness(options.fin);
  if (!service) fail("unknown mode " + mode);
  doors.push_back({listen_on(words[1], number(words[2], "port"), options.v6only), service});
  return doors;
}

void prepare_process() {
  // As a container's first process we get no default action for these.
  const auto leave = [](int) { ::_exit(0); };
  ::signal(SIGTERM, leave);
  ::signal(SIGINT, leave);
  ::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, 128 * 1024);
  ::pthread_setattr_default_np(&attributes);
  ::pthread_attr_destroy(&attributes);
}

void print_sum(std::uint64_t bytes) {
  std::vector<unsigned char> block(kBlockBytes);
  Tally tally;
  while (tally.bytes < bytes) {
    fill_stream(tally.bytes / 8, block);
    tally.add(block.data(),
              static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), bytes - tally.bytes)));
  }
  std::printf("%s\n", tally.text().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty() || arguments[0] == "--help") {
    std::fputs(kUsage.data(), arguments.empty() ? stderr : stdout);
    return arguments.empty() ? 2 : 0;
  }
  prepare_process();
  const Options options = parse(arguments);
  if (options.words.empty()) fail("no mode; try --help");
  if (options.words[0] == "idle" || options.words[0] == "sleepd") {
    ::signal(SIGCHLD, SIG_IGN);  // adopted processes are reaped by the kernel
    while (true) ::pause();
  }
  if (options.words[0] == "sum" && options.words.size() == 2) {
    print_sum(number(options.words[1], "bytes"));
    return 0;
  }
  std::this_thread::sleep_for(options.delay);
  const std::vector<Door> doors = open_doors(options);
  announce(options, monotonic_ns());
  serve(doors, options.lifetime);
  std::fflush(stdout);
  ::_exit(0);  // without waiting for the connections' threads
}
