// The file of --secrets-file: an object of names and values, given to lifecycle commands as
// environment. SPEC.md "Lifecycle". Blocks on the disk. Values never appear in a message.
#pragma once

#include <string>

#include "base/result.h"
#include "supervisor/engine/engine.h"

namespace fairlead::workspace {

// At most 1 MiB. Errors name the file, and a name whose value is no string.
base::Result<engine::Variables> load_secrets(const std::string& path);
// The pure part.
base::Result<engine::Variables> parse_secrets(const std::string& text, const std::string& path);

}  // namespace fairlead::workspace
