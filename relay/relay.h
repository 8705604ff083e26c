// A relay carries the connections of one host port into one container, until it is stopped.
//
// SPEC.md "Relays". Thread rule: all calls from the loop's thread; none blocks. The relay's own
// work happens on the data plane's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "relay/dialer.h"

namespace fairlead::relay {

struct RelayStats {
  std::uint64_t open = 0;
  std::uint64_t total = 0;
  std::uint64_t failed = 0;
  std::uint64_t bytes_to_container = 0;
  std::uint64_t bytes_from_container = 0;
  std::string last_error;  // of the last dial that failed, empty if none did
};

class Relay {
 public:
  virtual ~Relay() = default;

  // Where and how new connections are dialled from now on. Open ones stay as they are.
  virtual void reroute(Route route) = 0;
  // Closes the host port at once. Open connections end when their peers end them, after `drain` at
  // the latest; zero resets them now.
  virtual void stop(std::chrono::milliseconds drain) = 0;
  virtual RelayStats stats() const = 0;
};

}  // namespace fairlead::relay
