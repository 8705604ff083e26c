// TCP sockets kept ahead of demand, and how many: a pool for each family. Knows nothing of where
// they come from. SPEC.md "Namespace sockets". Thread rule: any thread. Nothing blocks.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <vector>

#include "base/unique_fd.h"
#include "target/socket_kind.h"

namespace fairlead::target {

// The others are asked for one by one.
constexpr bool is_pooled(SocketKind kind) {
  return kind == SocketKind::kTcp4 || kind == SocketKind::kTcp6;
}

class SocketPools {
 public:
  // Of each kind: kept while nothing happens, and under load at most.
  SocketPools(std::size_t idle, std::size_t largest);

  struct Taken {
    base::UniqueFd socket;      // empty: none is at hand
    bool wants_refill = false;  // said once, until the refill has come or was not needed
  };
  Taken take(SocketKind kind);
  void give_back(SocketKind kind, base::UniqueFd socket);
  // Lets go of about half.
  void relieve();
  // Keeps none from now on.
  void close();

  // How many are to be asked for now; `outstanding` have been.
  std::size_t missing(SocketKind kind);
  void asked(SocketKind kind, std::size_t count);
  // Nobody will answer any more.
  void forget_asked();
  // The answer to a request for `count`. `short_of_descriptors`: our own table is full. True if too
  // little came: ask again in a moment, and not before.
  bool store(SocketKind kind, std::size_t count, std::vector<base::UniqueFd> sockets,
             bool short_of_descriptors);

  void set_unsupported(SocketKind kind);
  bool supports(SocketKind kind) const;
  std::size_t size() const;
  bool has_grown() const;
  void shrink();

 private:
  struct Pool {
    std::vector<base::UniqueFd> sockets;
    std::size_t target = 0;
    std::size_t outstanding = 0;
    bool refill_wanted = false;
    std::atomic<bool> unsupported{false};
  };
  Pool& pool_of(SocketKind kind) { return pools_[static_cast<std::size_t>(kind)]; }
  static void halve(Pool& pool);

  const std::size_t idle_;
  const std::size_t largest_;
  mutable std::mutex mutex_;
  bool closed_ = false;
  std::array<Pool, 2> pools_;
};

}  // namespace fairlead::target
