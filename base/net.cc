#include "base/net.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace fairlead::base {
namespace {

Result<void> set_option(const UniqueFd& fd, int level, int name, int value, const char* what) {
  if (setsockopt(fd.get(), level, name, &value, sizeof value) != 0) return errno_error(what);
  return {};
}

struct UnixPath {
  sockaddr_un address{};
  socklen_t length = 0;
};

Result<UnixPath> unix_path(const std::string& path) {
  UnixPath result;
  if (path.size() >= sizeof result.address.sun_path) return errno_error(ENAMETOOLONG, path);
  result.address.sun_family = AF_UNIX;
  std::memcpy(result.address.sun_path, path.c_str(), path.size() + 1);
  result.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return result;
}

// Short whatever the directory's own path is.
Result<UnixPath> unix_path(const PrivateDirectory& directory, const std::string& name) {
  return unix_path("/proc/self/fd/" + std::to_string(directory.fd()) + "/" + name);
}

Result<UniqueFd> connect_to(const UnixPath& path, const std::string& shown) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("socket");
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&path.address), path.length) != 0) {
    return errno_error("connect " + shown);
  }
  return fd;
}

}  // namespace

Result<UniqueFd> listen_tcp(const Endpoint& endpoint, int backlog, AcceptedClose close) {
  const bool v6 = endpoint.address.family() == Family::kIpv6;
  const std::string name = endpoint.to_string();
  UniqueFd fd(socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("socket for " + name);
  if (auto set = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"); !set) {
    return set.error();
  }
  if (auto set = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY"); !set) {
    return set.error();
  }
  if (v6) {
    if (auto set = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY"); !set) {
      return set.error();
    }
  }
  if (close == AcceptedClose::kResets) reset_on_close(fd.get());
  const SocketAddress address = to_socket_address(endpoint);
  if (bind(fd.get(), address.get(), address.length) != 0) return errno_error("bind " + name);
  if (listen(fd.get(), backlog) != 0) return errno_error("listen on " + name);
  return fd;
}

short ready_now(int fd, short events) {
  pollfd entry{fd, events, 0};
  return poll(&entry, 1, 0) > 0 ? entry.revents : static_cast<short>(0);
}

Result<Endpoint> local_endpoint(const UniqueFd& fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return errno_error("getsockname");
  }
  const auto endpoint = from_socket_address(storage);
  if (!endpoint) return plain_error("socket has no internet address");
  return *endpoint;
}

Result<UniqueFd> listen_unix(const PrivateDirectory& directory, const std::string& name) {
  const auto path = unix_path(directory, name);
  if (!path) return path.error();
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("socket");
  directory.remove(name);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&path->address), path->length) != 0) {
    return errno_error("bind " + directory.path_of(name));
  }
  if (fchmodat(directory.fd(), name.c_str(), 0600, 0) != 0) {
    return errno_error("make private " + directory.path_of(name));
  }
  if (listen(fd.get(), 64) != 0) return errno_error("listen on " + directory.path_of(name));
  return fd;
}

Result<UniqueFd> connect_unix(const PrivateDirectory& directory, const std::string& name) {
  const auto path = unix_path(directory, name);
  if (!path) return path.error();
  return connect_to(*path, directory.path_of(name));
}

Result<UniqueFd> connect_unix(const std::string& path) {
  const auto address = unix_path(path);
  if (!address) return address.error();
  return connect_to(*address, path);
}

Result<UniqueFd> accept_connection(int listener) {
  UniqueFd fd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return errno_error("accept");
  return fd;
}

Result<uid_t> peer_user(int fd) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return errno_error("SO_PEERCRED");
  }
  return credentials.uid;
}

Result<std::pair<UniqueFd, UniqueFd>> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno_error("pipe");
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

Result<std::pair<UniqueFd, UniqueFd>> make_packet_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return errno_error("socketpair");
  }
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

Result<void> send_descriptors(int socket, const void* data, std::size_t size,
                              const int* descriptors, std::size_t count) {
  if (count > kMaxDescriptorsPerMessage) return errno_error(EINVAL, "send descriptors");
  iovec vector{const_cast<void*>(data), size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxDescriptorsPerMessage)] = {};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  if (count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    std::memcpy(CMSG_DATA(header), descriptors, sizeof(int) * count);
  }
  for (;;) {
    if (sendmsg(socket, &message, MSG_NOSIGNAL) >= 0) return {};
    if (errno != EINTR) return errno_error("send descriptors");
  }
}

Result<ReceivedMessage> receive_descriptors(int socket, void* data, std::size_t size) {
  iovec vector{data, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxDescriptorsPerMessage)];
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t count = 0;
  do {
    count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return errno_error("receive descriptors");
  ReceivedMessage result;
  result.size = static_cast<std::size_t>(count);
  result.truncated = (message.msg_flags & MSG_CTRUNC) != 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t descriptors = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < descriptors; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
      result.descriptors.emplace_back(fd);
    }
  }
  return result;
}

void reset_now(int fd) {
  reset_on_close(fd);
  sockaddr nothing{};
  nothing.sa_family = AF_UNSPEC;
  (void)connect(fd, &nothing, sizeof nothing);
}

void reset_on_close(int fd) {
  const linger hard{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

void finish_on_close(int fd) {
  const linger soft{0, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &soft, sizeof soft);
}

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return raised.rlim_cur;
  }
  return limit.rlim_cur;
}

}  // namespace fairlead::base
