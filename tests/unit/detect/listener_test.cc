#include "detect/listener.h"

#include <gtest/gtest.h>

namespace fairlead::detect {
namespace {

Listener make(const char* address, std::uint16_t port, std::uint64_t inode = 1) {
  return {{*base::IpAddress::parse(address), port}, false, 0, inode};
}

std::vector<std::string> shown(const Snapshot& snapshot) {
  std::vector<std::string> result;
  for (const Listener& listener : snapshot.listeners) {
    result.push_back(listener.endpoint.to_string());
  }
  return result;
}

TEST(Normalize, SortsByAddressAndThenByPort) {
  Snapshot snapshot{{make("::1", 80), make("127.0.0.1", 9000), make("::", 80),
                     make("127.0.0.1", 80), make("0.0.0.0", 8080)},
                    0};
  normalize(snapshot);
  EXPECT_EQ(shown(snapshot), (std::vector<std::string>{"0.0.0.0:8080", "127.0.0.1:80",
                                                       "127.0.0.1:9000", "[::]:80", "[::1]:80"}));
}

TEST(Normalize, KeepsOneOfSeveralOnOneEndpointAndAlwaysTheSame) {
  const Listener a = make("0.0.0.0", 9000, 11);
  const Listener b = make("0.0.0.0", 9000, 12);
  const Listener c = make("0.0.0.0", 9000, 13);
  Snapshot one{{a, b, c}, 0};
  Snapshot other{{c, a, b}, 0};
  normalize(one);
  normalize(other);
  EXPECT_EQ(one.listeners, std::vector<Listener>{a});
  EXPECT_EQ(other.listeners, one.listeners);
}

TEST(Normalize, TellsAddressesAndPortsApart) {
  Snapshot snapshot{{make("127.0.0.1", 80), make("127.0.0.2", 80), make("127.0.0.1", 81),
                     make("0.0.0.0", 80), make("::", 80)},
                    0};
  normalize(snapshot);
  EXPECT_EQ(snapshot.listeners.size(), 5U);
}

TEST(Normalize, LeavesAnEmptyPictureAndTheCountOfTheDroppedAlone) {
  Snapshot snapshot;
  snapshot.dropped = 7;
  normalize(snapshot);
  EXPECT_TRUE(snapshot.listeners.empty());
  EXPECT_EQ(snapshot.dropped, 7U);
}

}  // namespace
}  // namespace fairlead::detect
