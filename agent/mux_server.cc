#include "agent/mux_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "agent/listeners.h"
#include "agent/owners.h"
#include "base/endpoint.h"
#include "target/mux/carrier.h"
#include "target/mux/frame.h"
#include "target/mux/lifetime.h"
#include "target/socket_kind.h"
#include "target/socket_maker.h"
#include "target/socket_protocol.h"

namespace fairlead::agent {
namespace {

using target::SocketKind;
using target::mux::Carrier;
using target::mux::FrameHeader;
using target::mux::FrameType;
using target::mux::StreamId;

// Looks at the listeners this often while something changes, and less and less while nothing does.
constexpr int kShortestLookMs = 10;
constexpr int kLongestLookMs = 100;
constexpr std::size_t kInodeSize = 8;
constexpr std::size_t kNumberSize = 4;

class MuxServer : public target::mux::CarrierOwner {
 public:
  explicit MuxServer(const std::string& nonce)
      : carrier_(target::mux::Session::Side::kAccepts, *this, {}, nullptr) {
    carrier_.send(FrameType::kHello, std::string(target::mux::kMark) + nonce);
  }

  std::string run() {
    // Copies: the carrier closes what it is given.
    if (!carrier_.start(base::UniqueFd(dup(STDIN_FILENO)), base::UniqueFd(dup(STDOUT_FILENO)))) {
      return std::strerror(errno);
    }
    carrier_.run();
    return carrier_.ended_by() == Carrier::kChannelClosed ? "" : carrier_.ended_by();
  }

 private:
  void on_open(StreamId stream, const base::Endpoint& endpoint) override {
    next_look_ = 0;
    gap_ = kShortestLookMs;
    const bool v6 = endpoint.address.family() == base::Family::kIpv6;
    base::UniqueFd socket(target::make_socket(v6 ? SocketKind::kTcp6 : SocketKind::kTcp4));
    if (!socket) return carrier_.refuse(stream, errno);
    const base::SocketAddress address = base::to_socket_address(endpoint);
    if (connect(socket.get(), address.get(), address.length) != 0 && errno != EINPROGRESS) {
      return carrier_.refuse(stream, errno);
    }
    carrier_.attach(stream, std::move(socket));
  }

  bool on_message(const FrameHeader& header, std::string_view payload) override {
    if (header.type != FrameType::kAskOwners || payload.size() % kInodeSize != 0 ||
        payload.size() / kInodeSize > target::kMaxOwnersPerRequest) {
      return false;
    }
    std::vector<std::uint64_t> inodes;
    for (; !payload.empty(); payload.remove_prefix(kInodeSize)) {
      inodes.push_back(target::mux::read_number(payload, kInodeSize));
    }
    find_owners(inodes.data(), inodes.size(), [this](const target::OwnerReply& owner) {
      std::string reply;
      target::mux::append_number(reply, owner.inode, kInodeSize);
      target::mux::append_number(reply, static_cast<std::uint32_t>(owner.pid), kNumberSize);
      reply.append(owner.command_line, owner.length);
      carrier_.send(FrameType::kOwner, reply);
      return true;
    });
    carrier_.send(FrameType::kOwner, "", target::mux::kLast);
    return true;
  }

  int next_time(std::uint64_t now) override {
    const int look = next_look_ > now ? static_cast<int>(next_look_ - now) : 0;
    return std::min(look, silence_.wait(now, carrier_.last_heard()));
  }

  void on_time(std::uint64_t now) override {
    if (silence_.is_dead(now, carrier_.last_heard())) {
      return carrier_.stop("nobody has been heard for 15 s");
    }
    if (next_look_ > now) return;
    look();
    next_look_ = now + static_cast<std::uint64_t>(gap_);
    gap_ = std::min(gap_ * 2, kLongestLookMs);
  }

  void on_wakeup() override {}

  void look() {
    // A picture that has not left yet is looked at again when it has.
    if (carrier_.unsent() > 0 || !listeners_.read()) return;
    gap_ = kShortestLookMs;
    if (listeners_.failure() != 0) {
      std::string number;
      target::mux::append_number(number, static_cast<unsigned>(listeners_.failure()), kNumberSize);
      return carrier_.send(FrameType::kListeners, number, target::mux::kFailed);
    }
    std::string_view rest = listeners_.answer();
    do {
      const std::string_view piece = rest.substr(0, target::mux::kMostPayload);
      rest.remove_prefix(piece.size());
      carrier_.send(FrameType::kListeners, piece, rest.empty() ? target::mux::kLast : 0);
    } while (!rest.empty());
  }

  Carrier carrier_;
  Listeners listeners_;
  target::mux::Silence silence_;
  std::uint64_t next_look_ = 0;
  int gap_ = kShortestLookMs;
};

}  // namespace

std::string serve_mux(const std::string& nonce) {
  if (nonce.size() != target::mux::kNonceSize) return "a nonce has 32 digits";
  return MuxServer(nonce).run();
}

}  // namespace fairlead::agent
