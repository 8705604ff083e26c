#include "supervisor/daemon/control_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/clock.h"
#include "base/net.h"
#include "supervisor/daemon/control_protocol.h"
#include "supervisor/daemon/marker.h"

namespace fairlead::daemon {
namespace {

using base::errno_error;
using std::chrono::milliseconds;

constexpr auto kSendPatience = milliseconds(5000);

// Waits for an event on a descriptor until the deadline.
bool wait_for(int fd, short events, base::SteadyTime deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - base::steady_now()).count();
    if (left <= 0) return false;
    pollfd entry{fd, events, 0};
    const int ready = poll(&entry, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace

base::Result<ControlClient> ControlClient::connect(const base::PrivateDirectory& supervisors,
                                                   const std::string& container_id) {
  auto fd = base::connect_unix(supervisors, socket_name(container_id));
  if (!fd) return fd.error();
  const auto user = base::peer_user(fd->get());
  if (!user) return user.error();
  if (*user != geteuid() && *user != 0) return errno_error(EPERM, "control socket");
  return ControlClient(std::move(*fd));
}

std::int64_t ControlClient::peer_pid() const {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &length);
  return credentials.pid;
}

base::Result<void> ControlClient::send(config::Json request) {
  request["v"] = kControlVersion;
  const std::string line = to_line(request);
  const auto deadline = base::steady_now() + kSendPatience;
  std::string_view left = line;
  while (!left.empty()) {
    const ssize_t count = ::send(fd_.get(), left.data(), left.size(), MSG_NOSIGNAL);
    if (count > 0) {
      left.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EAGAIN && errno != EINTR) {
      return errno_error("control socket");
    } else if (!wait_for(fd_.get(), POLLOUT, deadline)) {
      return errno_error(ETIMEDOUT, "control socket");
    }
  }
  return {};
}

base::Result<config::Json> ControlClient::next(milliseconds patience) {
  const auto deadline = base::steady_now() + patience;
  for (;;) {
    if (const auto line = input_.next()) return parse_answer(*line);
    if (input_.dropped() > 0) return errno_error(EMSGSIZE, "control socket");
    if (!wait_for(fd_.get(), POLLIN, deadline)) {
      return errno_error(ETIMEDOUT, "the supervisor does not answer");
    }
    char buffer[65536];
    const ssize_t count = recv(fd_.get(), buffer, sizeof buffer, 0);
    if (count == 0) return errno_error(ECONNRESET, "the supervisor hung up");
    if (count < 0 && errno != EAGAIN && errno != EINTR) return errno_error("control socket");
    if (count > 0) input_.feed({buffer, static_cast<std::size_t>(count)});
  }
}

base::Result<config::Json> ControlClient::ask(config::Json request, milliseconds patience) {
  if (auto sent = send(std::move(request)); !sent) return sent.error();
  return next(patience);
}

}  // namespace fairlead::daemon
