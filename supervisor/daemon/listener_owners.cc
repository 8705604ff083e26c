#include "supervisor/daemon/listener_owners.h"

#include <set>
#include <utility>

namespace fairlead::daemon {

void ListenerOwners::observe(const std::vector<detect::Listener>& listeners, std::int64_t init_pid,
                             ContainerSession& session) {
  std::map<std::uint64_t, std::optional<detect::OwnerProcess>> now;
  std::set<std::uint64_t> unknown;
  for (const detect::Listener& listener : listeners) {
    if (listener.inode == 0) continue;
    const auto found = known_.find(listener.inode);
    if (found != known_.end()) {
      now.insert(*found);
    } else if (now.try_emplace(listener.inode).second) {
      unknown.insert(listener.inode);
    }
  }
  known_ = std::move(now);
  if (unknown.empty()) return;
  const auto told = [this, unknown, current = current_](const auto& owners) {
    if (!*current) return;
    --questions_;
    learn(unknown, owners);
  };
  if (session.find_owners(unknown, told)) {
    ++questions_;
    return;
  }
  const auto owners = std::make_shared<std::map<std::uint64_t, detect::OwnerProcess>>();
  worker_.run([owners, unknown, init_pid] { *owners = detect::find_owners(unknown, init_pid); },
              [this, owners, unknown, current = current_] {
                if (*current) learn(unknown, *owners);
              });
}

void ListenerOwners::learn(const std::set<std::uint64_t>& inodes,
                           const std::map<std::uint64_t, detect::OwnerProcess>& owners) {
  for (const std::uint64_t inode : inodes) {
    const auto known = known_.find(inode);
    if (known == known_.end()) continue;
    const auto owner = owners.find(inode);
    known->second = owner != owners.end() ? owner->second : detect::OwnerProcess{};
  }
  on_change_();
}

std::optional<detect::OwnerProcess> ListenerOwners::of(std::uint64_t inode) const {
  if (inode == 0) return detect::OwnerProcess{};
  const auto found = known_.find(inode);
  return found != known_.end() ? found->second : std::nullopt;
}

void ListenerOwners::clear() {
  known_.clear();
  questions_ = 0;
  *std::exchange(current_, std::make_shared<bool>(true)) = false;
}

}  // namespace fairlead::daemon
