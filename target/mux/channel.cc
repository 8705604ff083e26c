#include "target/mux/channel.h"

#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/printable.h"

namespace fairlead::target::mux {
namespace {

// 4,096 listeners, of which sock_diag says some 100 bytes each, and something over.
constexpr std::size_t kMostListeners = 1U << 20;
constexpr std::size_t kMostCommandLine = 1024;
constexpr std::size_t kInodeSize = 8;
constexpr std::size_t kPidSize = 4;

}  // namespace

Channel::Channel(std::string_view nonce, std::unique_ptr<Unwrapper> unwrapper, Handlers handlers)
    : handlers_(std::move(handlers)),
      carrier_(Session::Side::kOpens, *this, nonce, std::move(unwrapper)) {}

base::Result<std::unique_ptr<Channel>> Channel::create(base::UniqueFd connection,
                                                       std::unique_ptr<Unwrapper> unwrapper,
                                                       std::string first_bytes,
                                                       std::string_view nonce, Handlers handlers) {
  std::unique_ptr<Channel> channel(new Channel(nonce, std::move(unwrapper), std::move(handlers)));
  if (channel->tasks_.fd() < 0 ||
      !channel->carrier_.start(std::move(connection), {}, channel->tasks_.fd())) {
    return base::errno_error("watch the connection to the agent");
  }
  channel->carrier_.start_with(std::move(first_bytes));
  channel->thread_ = std::thread([self = channel.get()] { self->run(); });
  return channel;
}

Channel::~Channel() {
  if (!thread_.joinable()) return;
  tasks_.post([this] {
    handlers_ = {};
    carrier_.stop("closed here");
  });
  thread_.join();
}

void Channel::run() {
  prctl(PR_SET_NAME, "fairlead-mux", 0, 0, 0);
  carrier_.run();
  // Whatever was asked for in the meantime is refused by its destruction: sockets are closed.
  std::string why = carrier_.ended_by();
  if (const std::string aside = base::printable(carrier_.aside()); !aside.empty()) {
    why += " (" + aside + ")";
  }
  if (handlers_.on_lost) handlers_.on_lost(why);
}

void Channel::open(const base::Endpoint& endpoint, base::UniqueFd socket,
                   std::shared_ptr<StreamOutcome> outcome) {
  outcome->broken = true;  // until the channel has it: it may have ended
  tasks_.post(
      [this, endpoint, socket = std::make_shared<base::UniqueFd>(std::move(socket)), outcome] {
        if (carrier_.open(endpoint, std::move(*socket), outcome)) outcome->broken = false;
      });
}

void Channel::ask_owners(const std::vector<std::uint64_t>& inodes) {
  std::string payload;
  for (const std::uint64_t inode : inodes) append_number(payload, inode, kInodeSize);
  tasks_.post([this, payload] {
    ++questions_;
    carrier_.send(FrameType::kAskOwners, payload);
  });
}

void Channel::on_open(StreamId stream, const base::Endpoint&) { carrier_.refuse(stream, EPROTO); }

bool Channel::on_message(const FrameHeader& header, std::string_view payload) {
  switch (header.type) {
    case FrameType::kHello:
      if (std::exchange(joined_, true)) return false;
      if (handlers_.on_joined) handlers_.on_joined();
      return true;
    case FrameType::kPong:
      return payload.empty();
    case FrameType::kListeners:
      return on_listeners(header, payload);
    case FrameType::kOwner:
      return on_owner(header, payload);
    default:
      return false;
  }
}

bool Channel::on_listeners(const FrameHeader& header, std::string_view payload) {
  if ((header.flags & kFailed) != 0) {
    if (payload.size() != kPidSize) return false;
    const auto error = static_cast<int>(read_number(payload, kPidSize) % 4096);
    listeners_.clear();
    if (handlers_.on_listeners) {
      handlers_.on_listeners(base::errno_error(error, "ask for listeners in the container"));
    }
    return true;
  }
  if (listeners_.size() + payload.size() > kMostListeners) return false;
  listeners_ += payload;
  if ((header.flags & kLast) != 0) {
    std::string answer = std::exchange(listeners_, {});
    if (handlers_.on_listeners) handlers_.on_listeners(std::move(answer));
  }
  return true;
}

bool Channel::on_owner(const FrameHeader& header, std::string_view payload) {
  if (questions_ == 0) return false;
  if (payload.size() >= kInodeSize + kPidSize && owners_.size() < kMostAsked) {
    const auto inode = read_number(payload, kInodeSize);
    payload.remove_prefix(kInodeSize);
    const auto pid = static_cast<std::int64_t>(read_number(payload, kPidSize));
    payload.remove_prefix(kPidSize);
    owners_[inode] = {pid, std::string(payload.substr(0, kMostCommandLine))};
  } else if (!payload.empty()) {
    return false;
  }
  if ((header.flags & kLast) == 0) return true;
  --questions_;
  Owners owners = std::exchange(owners_, {});
  if (handlers_.on_owners) handlers_.on_owners(std::move(owners));
  return true;
}

int Channel::next_time(std::uint64_t now) {
  const std::uint64_t ping = last_ping_ + kPingMs;
  const int until_ping = ping > now ? static_cast<int>(ping - now) : 0;
  return std::min(until_ping, silence_.wait(now, carrier_.last_heard()));
}

void Channel::on_time(std::uint64_t now) {
  if (last_ping_ + kPingMs <= now) {
    last_ping_ = now;
    carrier_.send(FrameType::kPing, "");
  }
  if (silence_.is_dead(now, carrier_.last_heard())) carrier_.stop("the agent does not answer");
}

}  // namespace fairlead::target::mux
