// The supervisor beside a workspace's container: started or given its new rules, and what it
// forwards, said. SPEC.md "up". Blocks, bounded.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/daemon/supervisor_config.h"
#include "supervisor/engine/engine.h"
#include "supervisor/workspace/configuration.h"

namespace fairlead::workspace {

struct ForwardingRequest {
  daemon::ForwardingRules rules;  // by flags; the configuration adds its own
  std::string user_data_folder;
  std::string log_level;
  std::string log_format;
  bool strict = false;
};

class Forwarding {
 public:
  Forwarding(const ForwardingRequest& request, const std::function<void(const std::string&)>& say)
      : request_(request), say_(say) {}

  base::Result<void> start(engine::Engine& engine, const Configuration& configuration,
                           const target::Target& container);
  // What is forwarded by now. An error: what is not, if the request is strict.
  base::Result<void> announce();

 private:
  base::Result<void> ensure(const daemon::SupervisorConfig& supervisor);
  void say_notices(const config::Json& listing);

  const ForwardingRequest& request_;
  const std::function<void(const std::string&)>& say_;
  std::set<std::string> told_;
  std::vector<std::string> started_;  // ids of containers, the workspace's first
};

}  // namespace fairlead::workspace
