// The kernel's socket table, as text from a container's namespace.
#include "detect/proc_net_tcp.h"

#include <algorithm>

#include "tests/fuzz/require.h"

using namespace fairlead;

namespace {

struct Read {
  detect::Snapshot snapshot;
  std::size_t malformed = 0;
  bool past_listeners = false;

  bool operator==(const Read& other) const {
    return snapshot.listeners == other.snapshot.listeners &&
           snapshot.dropped == other.snapshot.dropped && malformed == other.malformed &&
           past_listeners == other.past_listeners;
  }
};

Read read(std::string_view text, base::Family family, std::size_t piece) {
  Read result;
  detect::ProcNetTcpParser parser(family, result.snapshot);
  for (std::size_t at = 0; at < text.size(); at += piece) parser.feed(text.substr(at, piece));
  parser.finish();
  result.malformed = parser.malformed_rows();
  result.past_listeners = parser.past_listeners();
  return result;
}

}  // namespace

FAIRLEAD_FUZZER(proc_net_tcp) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto rows = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const base::Family family : {base::Family::kIpv4, base::Family::kIpv6}) {
    Read whole = read(text, family, std::max<std::size_t>(size, 1));
    fuzz::require(read(text, family, 1) == whole, "pieces may end anywhere");
    fuzz::require(read(text, family, 7) == whole, "pieces may end anywhere");
    detect::Snapshot& snapshot = whole.snapshot;
    fuzz::require(snapshot.listeners.size() <= detect::kMaxListeners, "the picture is bounded");
    fuzz::require(snapshot.listeners.size() + snapshot.dropped + whole.malformed <= rows,
                  "a row is counted once");
    // A listener's row says state 0A and is not shorter than its columns.
    fuzz::require(snapshot.listeners.empty() || text.find(" 0A ") != std::string_view::npos,
                  "listeners are in state LISTEN");
    for (const detect::Listener& listener : snapshot.listeners) {
      fuzz::require(listener.endpoint.port != 0, "a listener has a port");
      fuzz::require(family == base::Family::kIpv6 ||
                        listener.endpoint.address.family() == base::Family::kIpv4,
                    "an IPv4 table holds IPv4 addresses");
    }
    detect::normalize(snapshot);
    for (std::size_t i = 1; i < snapshot.listeners.size(); ++i) {
      fuzz::require(snapshot.listeners[i - 1].endpoint < snapshot.listeners[i].endpoint,
                    "sorted, each endpoint once");
    }
  }
  return 0;
}
