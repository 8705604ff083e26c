// What a `down` takes down: the selected containers, whole Compose projects with them, and what a
// container that is gone has left of its supervisor. SPEC.md "down".
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/cli/options.h"
#include "supervisor/daemon/state_directory.h"
#include "supervisor/engine/engine.h"

namespace fairlead::cli {

struct DownScope {
  std::vector<target::Target> containers;  // each once, the selected ones first
  std::vector<std::string> gone;           // ids known only by what their supervisors left
  std::set<std::string> projects;          // to be taken down whole

  std::vector<std::string> ids() const;
};

base::Result<DownScope> find_down_scope(const DownOptions& options, engine::Engine& engine,
                                        const base::Result<daemon::StateDirectory>& state);

// Ids of every container that has, or had, a supervisor; with a `workspace`, of that one's only.
std::vector<std::string> supervised(const daemon::StateDirectory& state,
                                    const std::string& workspace = "");

}  // namespace fairlead::cli
