#include "agent/listeners.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "target/listener_query.h"
#include "target/mux/frame.h"
#include "target/socket_kind.h"
#include "target/socket_maker.h"

namespace fairlead::agent {
namespace {

constexpr std::size_t kMostAnswer = 1U << 20;

// What changes without any listener having changed: connections that wait to be accepted, timers.
void remove_passing(inet_diag_msg& message) {
  message.idiag_timer = 0;
  message.idiag_retrans = 0;
  message.idiag_expires = 0;
  message.idiag_rqueue = 0;
}

// Looks through one datagram; true: it was the last.
bool settle(char* datagram, std::size_t size) {
  for (std::size_t at = 0; at + sizeof(nlmsghdr) <= size;) {
    nlmsghdr header;
    std::memcpy(&header, datagram + at, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > size - at) return true;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) return true;
    if (header.nlmsg_len >= sizeof header + sizeof(inet_diag_msg)) {
      inet_diag_msg message;
      std::memcpy(&message, datagram + at + sizeof header, sizeof message);
      remove_passing(message);
      std::memcpy(datagram + at + sizeof header, &message, sizeof message);
    }
    at += NLMSG_ALIGN(header.nlmsg_len);
  }
  return false;
}

}  // namespace

Listeners::~Listeners() {
  if (socket_ >= 0) close(socket_);
}

int Listeners::ask(std::string& answer) {
  if (socket_ < 0) socket_ = target::make_socket(target::SocketKind::kDiag);
  if (socket_ < 0) return errno;
  const target::ListenerQuery request(target::mux::kDiagSequence);
  if (send(socket_, &request, sizeof request, MSG_NOSIGNAL) < 0) return errno;
  char datagram[32U << 10];
  for (;;) {
    // The kernel answers within the call.
    const ssize_t count = recv(socket_, datagram, sizeof datagram, MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : EPROTO;
    const auto size = static_cast<std::size_t>(count);
    const bool last = settle(datagram, size);
    if (answer.size() + size > kMostAnswer) return EOVERFLOW;
    answer.append(datagram, size);
    if (last) return 0;
  }
}

bool Listeners::read() {
  std::string answer;
  const int failure = ask(answer);
  if (failure != 0) {
    // What is left of this answer must not be taken for the next one.
    close(socket_);
    socket_ = -1;
    answer.clear();
  }
  if (failure == failure_ && answer == answer_) return false;
  failure_ = failure;
  answer_ = std::move(answer);
  return true;
}

}  // namespace fairlead::agent
