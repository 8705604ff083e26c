#include "supervisor/daemon/reaping.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "supervisor/daemon/manage.h"
#include "supervisor/daemon/marker.h"

namespace fairlead::daemon {
namespace {

constexpr std::size_t kAtATime = 8;

}  // namespace

std::vector<base::Result<bool>> reap_supervisors(const StateDirectory& state,
                                                 const std::vector<std::string>& container_ids) {
  std::vector<base::Result<bool>> results(container_ids.size(), base::Result<bool>(false));
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < container_ids.size(); i = next++) {
      results[i] = reap_supervisor(state, container_ids[i]);
    }
  };
  std::vector<std::jthread> helpers;
  for (std::size_t i = 1; i < std::min(kAtATime, container_ids.size()); ++i) {
    helpers.emplace_back(work);
  }
  work();
  helpers.clear();  // joins
  return results;
}

void reap_other_services(const std::string& state_path, const std::string& workspace,
                         const std::set<std::string>& kept) {
  const auto state = StateDirectory::open(state_path);
  if (!state) return;
  std::vector<std::string> ids;
  for (const Marker& marker : living_markers(state->supervisors)) {
    if (marker.workspace != workspace || marker.service.empty()) continue;
    if (!kept.contains(marker.container_id)) ids.push_back(marker.container_id);
  }
  (void)reap_supervisors(*state, ids);
}

}  // namespace fairlead::daemon
