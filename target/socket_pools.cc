#include "target/socket_pools.h"

#include <algorithm>
#include <utility>

namespace fairlead::target {

using base::UniqueFd;

SocketPools::SocketPools(std::size_t idle, std::size_t largest) : idle_(idle), largest_(largest) {
  for (Pool& pool : pools_) pool.target = idle_;
}

SocketPools::Taken SocketPools::take(SocketKind kind) {
  Taken taken;
  const std::lock_guard lock(mutex_);
  Pool& pool = pool_of(kind);
  if (!pool.sockets.empty()) {
    taken.socket = std::move(pool.sockets.back());
    pool.sockets.pop_back();
  }
  if (pool.sockets.size() * 2 < pool.target) {
    if (!taken.socket) pool.target = std::min(pool.target * 2, largest_);
    taken.wants_refill = !std::exchange(pool.refill_wanted, true);
  }
  return taken;
}

void SocketPools::give_back(SocketKind kind, UniqueFd socket) {
  const std::lock_guard lock(mutex_);
  if (!closed_) pool_of(kind).sockets.push_back(std::move(socket));
}

void SocketPools::halve(Pool& pool) {
  const std::size_t keep = pool.sockets.size() / 2;
  pool.sockets.resize(keep);
  pool.target = std::max<std::size_t>(1, keep);
}

void SocketPools::relieve() {
  const std::lock_guard lock(mutex_);
  for (Pool& pool : pools_) halve(pool);
}

void SocketPools::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (Pool& pool : pools_) {
    pool.sockets.clear();
    pool.target = 0;
  }
}

std::size_t SocketPools::missing(SocketKind kind) {
  const std::lock_guard lock(mutex_);
  Pool& pool = pool_of(kind);
  if (pool.unsupported) return 0;
  const std::size_t coming = pool.sockets.size() + pool.outstanding;
  if (coming < pool.target) return pool.target - coming;
  pool.refill_wanted = false;
  return 0;
}

void SocketPools::asked(SocketKind kind, std::size_t count) {
  const std::lock_guard lock(mutex_);
  pool_of(kind).outstanding += count;
}

void SocketPools::forget_asked() {
  const std::lock_guard lock(mutex_);
  for (Pool& pool : pools_) {
    pool.outstanding = 0;
    pool.refill_wanted = false;
  }
}

bool SocketPools::store(SocketKind kind, std::size_t count, std::vector<UniqueFd> sockets,
                        bool short_of_descriptors) {
  const std::lock_guard lock(mutex_);
  Pool& pool = pool_of(kind);
  pool.outstanding -= std::min(pool.outstanding, count);
  // Whoever takes now must not ask again before the next try.
  pool.refill_wanted = sockets.empty() || short_of_descriptors;
  if (!closed_) {
    for (UniqueFd& socket : sockets) pool.sockets.push_back(std::move(socket));
  }
  // All of our table in the pool would leave nothing for the clients.
  if (short_of_descriptors) halve(pool);
  return pool.refill_wanted;
}

void SocketPools::set_unsupported(SocketKind kind) { pool_of(kind).unsupported = true; }

bool SocketPools::supports(SocketKind kind) const {
  return !pools_[static_cast<std::size_t>(kind)].unsupported;
}

std::size_t SocketPools::size() const {
  const std::lock_guard lock(mutex_);
  return pools_[0].sockets.size() + pools_[1].sockets.size();
}

bool SocketPools::has_grown() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(pools_.begin(), pools_.end(), [this](const Pool& pool) {
    return pool.target > idle_ || pool.sockets.size() > idle_;
  });
}

void SocketPools::shrink() {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  for (Pool& pool : pools_) {
    pool.target = idle_;
    if (pool.sockets.size() > pool.target) pool.sockets.resize(pool.target);
    pool.sockets.shrink_to_fit();
  }
}

}  // namespace fairlead::target
