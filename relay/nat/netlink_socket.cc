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
  const std::string_view bytes = question.bytes();
  if (send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
    return base::errno_error(what_);
  }
  std::string buffer(kAnswerSize, '\0');
  for (bool more = true; more;) {
    pollfd entry{fd_.get(), POLLIN, 0};
    if (poll(&entry, 1, kAnswerPatienceMs) <= 0) return base::errno_error(ETIMEDOUT, what_);
    const ssize_t count = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0) return base::errno_error(what_);
    int error = 0;
    each_message({buffer.data(), static_cast<std::size_t>(count)},
                 [&](int type, std::string_view body) {
                   if (type == NLMSG_ERROR && body.size() >= sizeof error) {
                     std::memcpy(&error, body.data(), sizeof error);
                   }
                   const bool is_last = type == NLMSG_ERROR || type == NLMSG_DONE;
                   more = more && !is_last && found(type, body);
                 });
    if (error != 0) return base::errno_error(-error, what_);
  }
  return {};
}

base::Result<void> NetlinkSocket::tell(NetlinkMessage& order) const {
  return ask(order, [](int, std::string_view) { return true; });
}

}  // namespace fairlead::relay
