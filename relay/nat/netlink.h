// Netlink messages as the kernel writes and reads them: put together and taken apart, no more than
// the questions of this folder need. Pure. Thread rule: values.
#pragma once

#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>

namespace fairlead::relay {

// A question: the header of its kind, and attributes, which may hold others.
class NetlinkMessage {
 public:
  template <class Header>
  NetlinkMessage(std::uint16_t type, std::uint16_t flags, const Header& header) {
    static_assert(sizeof header <= 64);
    size_ = NLMSG_LENGTH(sizeof header);
    std::memcpy(bytes_.data() + NLMSG_HDRLEN, &header, sizeof header);
    head_ = {0, type, static_cast<std::uint16_t>(NLM_F_REQUEST | flags), 0, 0};
  }
  // What does not fit is left out: no question of ours comes near that.
  void add(std::uint16_t type, const void* value, std::size_t size) {
    const std::size_t at = NLMSG_ALIGN(size_);
    if (at + NLA_HDRLEN + NLA_ALIGN(size) > bytes_.size()) return;
    const nlattr attribute{static_cast<std::uint16_t>(NLA_HDRLEN + size), type};
    std::memcpy(bytes_.data() + at, &attribute, sizeof attribute);
    if (size > 0) std::memcpy(bytes_.data() + at + NLA_HDRLEN, value, size);
    size_ = at + NLA_HDRLEN + NLA_ALIGN(size);
  }
  // What is added from now on is within it; give the answer to end().
  std::size_t begin(std::uint16_t type) {
    const std::size_t at = NLMSG_ALIGN(size_);
    add(type | NLA_F_NESTED, nullptr, 0);
    return at;
  }
  void end(std::size_t begun) {
    const auto length = static_cast<std::uint16_t>(size_ - begun);
    std::memcpy(bytes_.data() + begun, &length, sizeof length);
  }
  std::string_view bytes(std::uint32_t sequence = 0) {
    head_.nlmsg_seq = sequence;
    head_.nlmsg_len = static_cast<std::uint32_t>(size_);
    std::memcpy(bytes_.data(), &head_, sizeof head_);
    return {bytes_.data(), size_};
  }

 private:
  nlmsghdr head_{};
  std::size_t size_ = 0;
  std::array<char, 512> bytes_{};
};

// Calls `found` for each attribute: its type and its bytes.
inline void each_attribute(std::string_view bytes,
                           const std::function<void(int type, std::string_view value)>& found) {
  nlattr attribute;
  while (bytes.size() >= sizeof attribute) {
    std::memcpy(&attribute, bytes.data(), sizeof attribute);
    if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > bytes.size()) return;
    found(attribute.nla_type & NLA_TYPE_MASK,
          bytes.substr(NLA_HDRLEN, attribute.nla_len - NLA_HDRLEN));
    bytes.remove_prefix(std::min<std::size_t>(NLA_ALIGN(attribute.nla_len), bytes.size()));
  }
}

// Calls `found` for each message of a datagram: its type and what comes after its header. With a
// `sequence` only for answers to the question of that number.
inline void each_message(std::string_view datagram,
                         const std::function<void(int type, std::string_view body)>& found,
                         std::uint32_t sequence = 0) {
  nlmsghdr head;
  while (datagram.size() >= sizeof head) {
    std::memcpy(&head, datagram.data(), sizeof head);
    if (head.nlmsg_len < sizeof head || head.nlmsg_len > datagram.size()) return;
    if (sequence == 0 || head.nlmsg_seq == sequence) {
      found(head.nlmsg_type, datagram.substr(NLMSG_HDRLEN, head.nlmsg_len - NLMSG_HDRLEN));
    }
    datagram.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(head.nlmsg_len), datagram.size()));
  }
}

// A string that may end before its attribute does.
inline std::string_view text_of(std::string_view value) {
  return value.substr(0, value.find('\0'));
}

}  // namespace fairlead::relay
