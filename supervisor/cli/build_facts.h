// What this program was made from and with, for `--version`. Pure. SPEC.md "Commands".
#pragma once

#include <string>

namespace fairlead::cli {

// Lines; the first is "fairlead X.Y.Z".
std::string build_facts();

}  // namespace fairlead::cli
