// Everything a supervisor knows of one container port, for `why`. Pure. SPEC.md "why".
#pragma once

#include <vector>

#include "detect/listener.h"
#include "supervisor/config/jsonc.h"
#include "supervisor/daemon/listing.h"
#include "supervisor/daemon/supervisor_config.h"
#include "target/target.h"

namespace fairlead::daemon {

struct StorySource {
  const ContainerView& container;
  const ForwardingRules& rules;
  const std::vector<detect::Listener>& listeners;
  const std::vector<target::PublishedPort>& published;
  const std::vector<ForwardView>& forwards;
  std::int64_t init_pid;
};

config::Json port_story(std::uint16_t port, const StorySource& source);

}  // namespace fairlead::daemon
