#include "tests/support/namespace.h"

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <stdexcept>

#include "base/net.h"
#include "base/text_file.h"
#include "target/socket_helper.h"
#include "tests/support/processes.h"

namespace fairlead::testing {

using base::UniqueFd;

enum class Operation : std::uint32_t { kListen, kClose, kChurn, kEcho };

struct Namespace::Command {
  Operation operation = Operation::kListen;
  std::uint32_t id = 0;
  std::uint32_t count = 0;
  bool reset = false;
  ListenOptions options;
  base::Endpoint endpoint;
};

struct Namespace::Reply {
  int error_number = 0;
  std::uint32_t id = 0;
  base::Endpoint endpoint;
  std::uint64_t number = 0;  // inode of a new listener; cookie in the greeting
};

namespace {

int write_file(const char* path, const std::string& text) {
  const UniqueFd fd(open(path, O_WRONLY | O_CLOEXEC));
  if (!fd) return errno;
  const auto written = base::write_all(fd, text, path);
  return written ? 0 : written.error().code.value();
}

// 0 or an errno.
int enter(bool own_users, std::int64_t outer_uid, std::int64_t outer_gid) {
  if (unshare(CLONE_NEWNET | (own_users ? CLONE_NEWUSER : 0)) != 0) return errno;
  if (own_users) {
    write_file("/proc/self/setgroups", "deny");
    if (int failure = write_file("/proc/self/uid_map", "0 " + std::to_string(outer_uid) + " 1")) {
      return failure;
    }
    if (int failure = write_file("/proc/self/gid_map", "0 " + std::to_string(outer_gid) + " 1")) {
      return failure;
    }
  }
  const UniqueFd probe(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq loopback{};
  std::strncpy(loopback.ifr_name, "lo", sizeof loopback.ifr_name - 1);
  loopback.ifr_flags = IFF_UP;
  return ioctl(probe.get(), SIOCSIFFLAGS, &loopback) == 0 ? 0 : errno;
}

UniqueFd make_listener(const base::Endpoint& endpoint, const ListenOptions& options) {
  const bool v6 = options.mapped || endpoint.address.family() == base::Family::kIpv6;
  UniqueFd fd(socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  const int on = 1;
  const int v6_only = options.v6_only ? 1 : 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (options.reuse_port) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (v6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
  const base::SocketAddress address = base::to_socket_address(endpoint, v6);
  if (bind(fd.get(), address.get(), address.length) != 0 || ::listen(fd.get(), 128) != 0) {
    const int failure = errno;
    fd.reset();
    errno = failure;
  }
  return fd;
}

UniqueFd dial(const base::Endpoint& endpoint) {
  const base::SocketAddress address = base::to_socket_address(endpoint);
  UniqueFd fd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd && connect(fd.get(), address.get(), address.length) != 0) fd.reset();
  return fd;
}

int churn_connections(const UniqueFd& listener, std::uint32_t count, bool reset) {
  const auto endpoint = base::local_endpoint(listener);
  if (!endpoint) return EINVAL;
  for (std::uint32_t i = 0; i < count; ++i) {
    UniqueFd client = dial(*endpoint);
    if (!client) return errno;
    const UniqueFd server(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!server) return errno;
    if (reset) base::reset_on_close(client.get());
    client.reset();
    char byte = 0;
    (void)!read(server.get(), &byte, 1);  // the end, or the reset, has arrived
  }
  return 0;
}

int echo(const UniqueFd& listener) {
  const UniqueFd connection(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  char buffer[4096];
  for (ssize_t count = 0; (count = read(connection.get(), buffer, sizeof buffer)) > 0;) {
    if (write(connection.get(), buffer, static_cast<std::size_t>(count)) != count) return 1;
  }
  return 0;
}

}  // namespace

int Namespace::serve(const UniqueFd& channel, Users users, std::int64_t outer_uid,
                     std::int64_t outer_gid) {
  Reply greeting;
  greeting.error_number = enter(users == Users::kOwn, outer_uid, outer_gid);
  {
    const UniqueFd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    greeting.number = target::namespace_cookie(probe.get());
  }
  if (!base::send_descriptors(channel.get(), &greeting, sizeof greeting, nullptr, 0)) return 1;
  std::map<std::uint32_t, UniqueFd> listeners;
  std::uint32_t next = 1;
  for (;;) {
    Command command;
    if (!readable(channel.get(), -1)) return 1;
    const auto message = base::receive_descriptors(channel.get(), &command, sizeof command);
    if (!message || message->size != sizeof command) return 0;
    Reply reply;
    int handed = -1;
    const bool known = listeners.contains(command.id);
    if (command.operation == Operation::kListen) {
      UniqueFd fd = make_listener(command.endpoint, command.options);
      if (!fd) {
        reply.error_number = errno;
      } else {
        struct stat info {};
        fstat(fd.get(), &info);
        reply.number = info.st_ino;
        reply.endpoint = *base::local_endpoint(fd);
        reply.id = next++;
        handed = command.options.hand_over ? fd.get() : -1;
        listeners[reply.id] = std::move(fd);
      }
    } else if (!known) {
      reply.error_number = ENOENT;
    } else if (command.operation == Operation::kClose) {
      listeners.erase(command.id);
    } else if (command.operation == Operation::kChurn) {
      reply.error_number = churn_connections(listeners[command.id], command.count, command.reset);
    } else if (command.operation == Operation::kEcho) {
      signal(SIGCHLD, SIG_IGN);
      if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(echo(listeners[command.id]));
      }
    }
    const auto sent =
        base::send_descriptors(channel.get(), &reply, sizeof reply, &handed, handed >= 0 ? 1 : 0);
    if (!sent) return 1;
    if (handed >= 0 && !command.options.keep_own) listeners.erase(reply.id);
  }
}

base::Result<Namespace> Namespace::create(Users users) {
  auto pair = base::make_packet_pair();
  if (!pair) return pair.error();
  const std::int64_t outer_uid = geteuid();
  const std::int64_t outer_gid = getegid();
  const pid_t pid = fork();
  if (pid < 0) return base::errno_error("fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Nothing of the test's stays open in here: no other channel, no socket of another namespace.
    const UniqueFd channel(dup2(pair->second.get(), 3));
    syscall(SYS_close_range, 4U, ~0U, 0U);
    _exit(serve(channel, users, outer_uid, outer_gid));
  }
  Namespace result(pid, std::move(pair->first));
  pair->second.reset();
  Reply greeting;
  if (!readable(result.channel_.get())) return base::plain_error("the namespace does not answer");
  const auto message = base::receive_descriptors(result.channel_.get(), &greeting, sizeof greeting);
  if (!message || message->size != sizeof greeting) {
    return base::plain_error("the namespace's process ended");
  }
  if (greeting.error_number != 0) {
    return base::errno_error(greeting.error_number, "make a network namespace");
  }
  result.cookie_ = greeting.number;
  return result;
}

Namespace::Namespace(Namespace&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      channel_(std::move(other.channel_)),
      cookie_(other.cookie_) {}

Namespace::~Namespace() {
  if (pid_ <= 0) return;
  kill(static_cast<pid_t>(pid_), SIGKILL);
  waitpid(static_cast<pid_t>(pid_), nullptr, 0);
}

target::InitProcess Namespace::init() const {
  auto init = target::InitProcess::open(pid_);
  if (!init) throw std::runtime_error(init.error().message());
  return std::move(*init);
}

void Namespace::end() {
  kill(static_cast<pid_t>(pid_), SIGKILL);
  siginfo_t info;
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
}

base::Result<Namespace::Reply> Namespace::ask(const Command& command, UniqueFd* received) {
  auto sent = base::send_descriptors(channel_.get(), &command, sizeof command, nullptr, 0);
  if (!sent) return sent.error();
  if (!readable(channel_.get())) return base::errno_error(ETIMEDOUT, "the namespace's process");
  Reply reply;
  auto message = base::receive_descriptors(channel_.get(), &reply, sizeof reply);
  if (!message) return message.error();
  if (message->size != sizeof reply) return base::errno_error(ESRCH, "the namespace's process");
  if (reply.error_number != 0) return base::errno_error(reply.error_number, "in the namespace");
  if (received != nullptr && !message->descriptors.empty()) {
    *received = std::move(message->descriptors[0]);
  }
  return reply;
}

base::Result<RemoteListener> Namespace::listen(const base::Endpoint& endpoint,
                                               ListenOptions options) {
  Command command;
  command.endpoint = endpoint;
  command.options = options;
  RemoteListener listener;
  const auto reply = ask(command, &listener.descriptor);
  if (!reply) return reply.error();
  listener.id = reply->id;
  listener.endpoint = reply->endpoint;
  listener.inode = reply->number;
  return listener;
}

base::Result<void> Namespace::close_listener(std::uint32_t id) {
  Command command;
  command.operation = Operation::kClose;
  command.id = id;
  const auto reply = ask(command);
  if (!reply) return reply.error();
  return {};
}

base::Result<void> Namespace::churn(std::uint32_t id, std::uint32_t count, bool reset) {
  Command command;
  command.operation = Operation::kChurn;
  command.id = id;
  command.count = count;
  command.reset = reset;
  const auto reply = ask(command);
  if (!reply) return reply.error();
  return {};
}

base::Result<void> Namespace::echo_once(std::uint32_t id) {
  Command command;
  command.operation = Operation::kEcho;
  command.id = id;
  const auto reply = ask(command);
  if (!reply) return reply.error();
  return {};
}

}  // namespace fairlead::testing
