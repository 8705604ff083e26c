#include "supervisor/daemon/listener_owners.h"

#include <set>
#include <utility>

namespace fairlead::daemon {
namespace {

constexpr int kMostQuestions = 3;

}  // namespace

void ListenerOwners::observe(const std::vector<detect::Listener>& listeners, std::int64_t init_pid,
                             ContainerSession& session) {
  std::map<std::uint64_t, std::optional<detect::OwnerProcess>> now;
  std::set<std::uint64_t> unknown;
  // Whom this machine does not show somebody may know who has just come.
  const bool told_before = std::exchange(told_within_, session.tells_owners());
  const bool tells_now = told_within_ && !told_before;
  for (const detect::Listener& listener : listeners) {
    if (listener.inode == 0) continue;
    const auto found = known_.find(listener.inode);
    if (found != known_.end()) {
      now.insert(*found);
      const auto doubt = doubtful_.find(listener.inode);
      if (doubt != doubtful_.end() && doubt->second < kMostQuestions) {
        ++doubt->second;
        unknown.insert(listener.inode);
      } else if (tells_now && found->second && found->second->pid == 0) {
        unknown.insert(listener.inode);
      }
    } else if (now.try_emplace(listener.inode).second) {
      unknown.insert(listener.inode);
    }
  }
  known_ = std::move(now);
  std::erase_if(doubtful_, [this](const auto& one) { return !known_.contains(one.first); });
  if (unknown.empty()) return;
  const auto told = [this, unknown, current = current_](const auto& owners, bool complete) {
    if (!*current) return;
    --questions_;
    learn(unknown, owners, complete);
  };
  if (session.find_owners(unknown, told)) {
    ++questions_;
    return;
  }
  const auto owners = std::make_shared<std::map<std::uint64_t, detect::OwnerProcess>>();
  worker_.run([owners, unknown, init_pid] { *owners = detect::find_owners(unknown, init_pid); },
              [this, owners, unknown, current = current_] {
                if (*current) learn(unknown, *owners, true);
              });
}

void ListenerOwners::learn(const std::set<std::uint64_t>& inodes,
                           const std::map<std::uint64_t, detect::OwnerProcess>& owners,
                           bool complete) {
  for (const std::uint64_t inode : inodes) {
    const auto known = known_.find(inode);
    if (known == known_.end()) continue;
    const auto owner = owners.find(inode);
    known->second = owner != owners.end() ? owner->second : detect::OwnerProcess{};
    if (complete || owner != owners.end()) {
      doubtful_.erase(inode);
    } else {
      doubtful_.try_emplace(inode, 1);
    }
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
  doubtful_.clear();
  questions_ = 0;
  told_within_ = false;
  *std::exchange(current_, std::make_shared<bool>(true)) = false;
}

}  // namespace fairlead::daemon
