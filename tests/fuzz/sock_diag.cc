// Datagrams of sock_diag, with the sequence number 1: two of them, cut at the first byte's place.
#include <linux/inet_diag.h>
#include <linux/netlink.h>

#include <algorithm>
#include <vector>

#include "detect/diag_answer.h"
#include "tests/fuzz/require.h"

using namespace fairlead;

namespace {

// In memory of exactly this size, so that a read behind it is seen.
void read_answer(std::string_view bytes, detect::Snapshot& snapshot) {
  const std::vector<char> exact(bytes.begin(), bytes.end());
  const std::size_t before = snapshot.listeners.size();
  const auto complete = detect::read_diag_datagram({exact.data(), exact.size()}, 1, snapshot);
  constexpr std::size_t kSmallest = NLMSG_HDRLEN + sizeof(inet_diag_msg);
  fuzz::require(snapshot.listeners.size() - before <= bytes.size() / kSmallest,
                "a listener takes a whole message");
  if (!complete) {
    fuzz::require(complete.error().code.value() > 0, "an error has a number");
    fuzz::require(!complete.error().message().empty(), "an error says what failed");
  }
}

}  // namespace

FAIRLEAD_FUZZER(sock_diag) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::text_of(data, size).substr(1);
  const std::size_t cut = data[0] == 0 ? bytes.size() : data[0] * bytes.size() / 256;
  detect::Snapshot snapshot;
  read_answer(bytes.substr(0, cut), snapshot);
  read_answer(bytes.substr(cut), snapshot);
  for (const detect::Listener& listener : snapshot.listeners) {
    fuzz::require(listener.endpoint.port != 0, "a listener has a port");
    // v6_only speaks of IPv6 sockets: a mapped address comes from one, too.
    fuzz::require(listener.inode <= 0xffffffff, "sock_diag's inodes have 32 bits");
  }
  detect::normalize(snapshot);
  fuzz::require(
      std::is_sorted(snapshot.listeners.begin(), snapshot.listeners.end(),
                     [](const auto& a, const auto& b) { return a.endpoint < b.endpoint; }),
      "sorted");
  return 0;
}
