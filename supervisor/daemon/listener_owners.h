// Which process listens: looked up once for each listening socket, off the loop's thread.
// SPEC.md "Detection". Thread rule: the loop's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "detect/listener.h"
#include "detect/owner_process.h"
#include "supervisor/daemon/container_session.h"
#include "supervisor/daemon/worker.h"

namespace fairlead::daemon {

class ListenerOwners {
 public:
  // `on_change`: more is known than before.
  ListenerOwners(Worker& worker, std::function<void()> on_change)
      : worker_(worker), on_change_(std::move(on_change)) {}

  // The complete picture: looks up who is new in it, forgets who has gone. Asks within the
  // container where somebody there can tell, else by what this machine shows.
  void observe(const std::vector<detect::Listener>& listeners, std::int64_t init_pid,
               ContainerSession& session);
  bool under_way() const { return questions_ > 0; }  // of those asked within the container
  // Nothing: not looked up yet. A pid of 0: it cannot be seen.
  std::optional<detect::OwnerProcess> of(std::uint64_t inode) const;
  void clear();

 private:
  void learn(const std::set<std::uint64_t>& inodes,
             const std::map<std::uint64_t, detect::OwnerProcess>& owners, bool complete);

  Worker& worker_;
  const std::function<void()> on_change_;
  std::map<std::uint64_t, std::optional<detect::OwnerProcess>> known_;  // by inode
  std::map<std::uint64_t, int> doubtful_;  // how often nobody has answered; asked again
  bool told_within_ = false;               // somebody in the container could tell, last time
  std::size_t questions_ = 0;
  std::shared_ptr<bool> current_ =
      std::make_shared<bool>(true);  // answers of an earlier run are none
};

}  // namespace fairlead::daemon
