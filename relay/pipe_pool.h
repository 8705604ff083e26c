// Large pipes through which bulk bytes move from socket to socket without being copied.
//
// A pipe is worth having only if it is large: with the kernel's default of 64 KiB splicing is
// slower than copying, and a user without privileges gets few large ones. So the pool hands out
// large pipes or none, and whoever gets none copies. Pipes go back empty and are closed when nobody
// has wanted one for a while. SPEC.md "Data plane".
// Thread rule: one loop's thread. Never blocks.
#pragma once

#include <cstddef>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace fairlead::relay {

struct Pipe {
  base::UniqueFd in;   // written to
  base::UniqueFd out;  // read from
  std::size_t capacity_bytes = 0;

  explicit operator bool() const { return in.valid(); }
};

class PipePool {
 public:
  static constexpr std::size_t kWantedBytes = 1U << 20;
  static constexpr std::size_t kLeastBytes = 256U << 10;

  // An empty pipe, or none: the user's quota or the descriptors are used up. Having said so the
  // pool does not ask the kernel again for a second.
  Pipe take();
  // Only an empty pipe: what is in it would come out somewhere else.
  void give_back(Pipe pipe);

  // Closes the idle pipes if none was wanted since the last call. True if there are any left, and
  // so another call is due.
  bool sweep();
  std::size_t idle() const { return idle_.size(); }

 private:
  std::vector<Pipe> idle_;
  base::SteadyTime not_before_{};
  bool wanted_ = false;
};

}  // namespace fairlead::relay
