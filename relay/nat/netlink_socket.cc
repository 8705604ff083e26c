#include "relay/nat/netlink_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace fairlead::relay {
namespace {

constexpr int kAnswerPatienceMs = 1000;
constexpr std::size_t kAnswerSize = 65536;

}  // namespace

base::Result<NetlinkSocket> NetlinkSocket::open(int protocol, const char* what) {
  base::UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd) return base::errno_error(what);
  return NetlinkSocket(std::move(fd), what);
}

base::Result<void> NetlinkSocket::ask(NetlinkMessage& question, const Found& found) const {
  const std::uint32_t sequence = ++sequence_;
  const std::string_view bytes = question.bytes(sequence);
  if (send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
    return base::errno_error(what_);
  }
  std::string buffer(kAnswerSize, '\0');
  int error = 0;
  for (bool more = true; more && error == 0;) {
    pollfd entry{fd_.get(), POLLIN, 0};
    const int ready = poll(&entry, 1, kAnswerPatienceMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return base::errno_error(ETIMEDOUT, what_);
    const ssize_t count = recv(fd_.get(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (count < 0) return base::errno_error(what_);
    if (static_cast<std::size_t>(count) > buffer.size()) return base::errno_error(EMSGSIZE, what_);
    each_message(
        {buffer.data(), static_cast<std::size_t>(count)},
        [&](int type, std::string_view body) {
          const bool is_last = type == NLMSG_ERROR || type == NLMSG_DONE;
          // Both begin with what went wrong, as a negative number.
          if (is_last && body.size() >= sizeof error && error == 0) {
            std::memcpy(&error, body.data(), sizeof error);
          }
          more = more && !is_last && found(type, body);
        },
        sequence);
  }
  if (error != 0) return base::errno_error(-error, what_);
  return {};
}

base::Result<void> NetlinkSocket::tell(NetlinkMessage& order) const {
  return ask(order, [](int, std::string_view) { return true; });
}

}  // namespace fairlead::relay
