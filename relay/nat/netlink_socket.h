// Questions to the kernel by netlink, and its answers. Thread rule: a value. Calls block as long as
// the kernel takes, a second at most for each part of an answer.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "relay/nat/netlink.h"

namespace fairlead::relay {

class NetlinkSocket {
 public:
  // `protocol`: NETLINK_ROUTE and the like. `what` is done by it, for errors.
  static base::Result<NetlinkSocket> open(int protocol, const char* what);

  // One that somebody else has made, in another network perhaps.
  static NetlinkSocket adopt(base::UniqueFd fd, const char* what) { return {std::move(fd), what}; }
  base::UniqueFd release() { return std::move(fd_); }

  // Calls `found` for each message of the answer until it says that it was the last, or the kernel
  // does. What the kernel refuses is an error, with its number as the code.
  using Found = std::function<bool(int type, std::string_view body)>;
  base::Result<void> ask(NetlinkMessage& question, const Found& found) const;
  // An order: done, or an error.
  base::Result<void> tell(NetlinkMessage& order) const;

 private:
  NetlinkSocket(base::UniqueFd fd, const char* what) : fd_(std::move(fd)), what_(what) {}

  base::UniqueFd fd_;
  const char* what_;
  mutable std::uint32_t sequence_ = 0;
};

}  // namespace fairlead::relay
