// A relay carries the connections of one host port into one container, until it is stopped.
//
// SPEC.md "Relays". Thread rule: all calls from the loop's thread; none blocks. The relay's own
// work happens on the data plane's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/endpoint.h"

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

  // Where new connections are dialled until one answers: IPv6 first, else in this order. Open ones
  // stay.
  virtual void retarget(std::vector<base::Endpoint> targets) = 0;
  // Closes the host port at once. Open connections end when their peers end them, after `drain` at
  // the latest; zero resets them now.
  virtual void stop(std::chrono::milliseconds drain) = 0;
  virtual RelayStats stats() const = 0;
};

}  // namespace fairlead::relay
