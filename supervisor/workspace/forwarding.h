// The supervisor beside a workspace's container: started or given its new rules, and what it
// forwards, said. SPEC.md "up". Blocks, bounded.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/daemon/supervisor_config.h"
#include "supervisor/engine/engine.h"
#include "supervisor/workspace/configuration.h"

namespace fairlead::workspace {

struct ForwardingRequest {
  daemon::ForwardingRules rules;                 // by flags; the configuration adds its own
  std::optional<std::size_t> max_auto_forwards;  // by flag
  std::string user_data_folder;
  std::string log_level;
  std::string log_format;
  bool strict = false;
  bool ports_events = false;  // lines "PORT_EVENT: {…}", too
};

class Forwarding {
 public:
  Forwarding(const ForwardingRequest& request, const std::function<void(const std::string&)>& say)
      : request_(request), say_(say) {}

  // `nat_wishes`: of Compose files, by service; what natProxy says beats them.
  base::Result<void> start(engine::Engine& engine, const Configuration& configuration,
                           const target::Target& container,
                           const std::map<std::string, config::NatWish>& nat_wishes);
  // What is forwarded by now. An error: what is not, if the request is strict.
  base::Result<void> announce();

 private:
  base::Result<config::Customizations> own_settings(const Configuration& configuration);
  base::Result<void> ensure(const daemon::SupervisorConfig& supervisor);
  void say_notices(const config::Json& listing);

  const ForwardingRequest& request_;
  const std::function<void(const std::string&)>& say_;
  std::set<std::string> told_;
  std::vector<std::string> started_;  // ids of containers, the workspace's first
};

}  // namespace fairlead::workspace
