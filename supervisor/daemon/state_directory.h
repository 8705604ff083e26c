// The directory that all of a user's supervisors share. SPEC.md "State on disk".
#pragma once

#include <string>

#include "base/private_directory.h"
#include "base/result.h"

namespace fairlead::daemon {

// First that applies: `chosen` (--user-data-folder), $FAIRLEAD_STATE_DIR, $XDG_STATE_HOME/fairlead,
// ~/.local/state/fairlead. Absolute. An error if none can be told.
base::Result<std::string> state_path(const std::string& chosen);

struct StateDirectory {
  base::PrivateDirectory base;
  base::PrivateDirectory supervisors;
  base::PrivateDirectory logs;

  // Creates what is missing.
  static base::Result<StateDirectory> create(const std::string& path);
  // ENOENT if it is not there: nothing was ever left behind.
  static base::Result<StateDirectory> open(const std::string& path);
};

}  // namespace fairlead::daemon
