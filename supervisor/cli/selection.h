// From what the command line says to the container and the supervisors it means.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "supervisor/cli/options.h"
#include "supervisor/daemon/marker.h"
#include "supervisor/daemon/state_directory.h"
#include "supervisor/engine/engine.h"

namespace fairlead::cli {

// Absolute, without "." and ".." and trailing slash; the current directory for "".
std::string absolute_folder(const std::string& folder);

// The containers a selection means: one by id, or all of a folder or of labels. Without any, those
// of the current directory. None is not an error.
base::Result<std::vector<target::Target>> select_containers(engine::Engine& engine,
                                                            const SelectOptions& select);

// Living supervisors that a selection means; without one, all. Those of the other services of a
// workspace's Compose project are the workspace's, too. Needs no engine but for labels;
// where that does not answer, no supervisor carries them.
std::vector<daemon::Marker> select_supervisors(const daemon::StateDirectory& state,
                                               const SelectOptions& select);

}  // namespace fairlead::cli
