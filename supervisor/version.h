// This program's version. A newer program replaces an older supervisor. Pure.
#pragma once

#include <string>

namespace fairlead {

extern const char* const kVersion;  // "0.1.0"

// Whether version `a` is older than `b`: numbers compared part by part.
bool is_older_version(const std::string& a, const std::string& b);

}  // namespace fairlead
