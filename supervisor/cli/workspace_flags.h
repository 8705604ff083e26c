// The flags of `up` and `exec` that speak of a dev container's configuration, creation and
// lifecycle, and what their words mean. SPEC.md "up" and "exec".
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "supervisor/cli/options.h"
#include "supervisor/engine/engine.h"
#include "supervisor/workspace/configuration.h"
#include "supervisor/workspace/remote_user.h"

namespace fairlead::cli {

void add_configuration(CLI::App& command, ConfigurationOptions& options);
void add_creation(CLI::App& command, UpOptions& options);
void add_lifecycle(CLI::App& command, UpOptions& options);

workspace::ConfigurationRequest configuration_request(const ConfigurationOptions& options,
                                                      const std::string& workspace_folder,
                                                      const std::vector<std::string>& id_labels);
workspace::RemoteOptions remote_options(const ConfigurationOptions& options);

// "type=bind|volume,source=S,target=T[,external=true|false]" as the engine takes it; empty if the
// word has another form. Pure.
std::string engine_mount(const std::string& word);

}  // namespace fairlead::cli
