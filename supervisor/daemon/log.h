// What a supervisor says for the record: one line each, in its log file. Behind this header, since
// the library is heavy to compile. SPEC.md "State on disk". Thread rule: any thread. A full disk
// loses lines, never the supervisor.
#pragma once

#include <string>

#include "base/private_directory.h"
#include "base/result.h"
#include "supervisor/daemon/supervisor_config.h"

namespace fairlead::daemon {

// `logs` must outlive the process' last line. `terminal`: warnings go to stderr, too.
base::Result<void> open_log(const SupervisorConfig& config, const base::PrivateDirectory& logs,
                            bool terminal);
void log_info(const std::string& text);
void log_warning(const std::string& text);

// Of a container's log, in the directory of logs.
std::string log_name(const std::string& container_id);

}  // namespace fairlead::daemon
